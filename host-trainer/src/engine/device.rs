//! Where a run computes.

use skueye_models::{Code, Fault};
use tch::{Cuda, Device};

/// The device called `name` for the process `local_rank` of its machine: `auto` (a GPU where there is one, of several the
/// process's own), `cpu`, or `cuda:N`. Errors: E104 for another name, E609 where libtorch sees no such GPU.
pub fn device(name: &str, local_rank: usize) -> Result<Device, Fault> {
    match name {
        "auto" => Ok(match gpus().unwrap_or(0) {
            0 => Device::Cpu,
            // Slurm may show each process one GPU only, always as the first.
            count => Device::Cuda(local_rank % count),
        }),
        "cpu" => Ok(Device::Cpu),
        _ => {
            let number = name.strip_prefix("cuda:").and_then(|n| n.parse().ok());
            cuda(number.ok_or_else(|| unknown(name))?)
        }
    }
}

/// How many GPUs libtorch can use, or why its CUDA half does not load. The program is linked with the other half only, so
/// that it starts where there is no CUDA.
fn gpus() -> Result<usize, String> {
    skueye_distributed::load_cuda()?;
    Ok(usize::try_from(Cuda::device_count()).unwrap_or(0))
}

fn cuda(number: usize) -> Result<Device, Fault> {
    let got = match gpus() {
        Ok(count) if number < count => return Ok(Device::Cuda(number)),
        Ok(count) => format!("{count} GPUs that libtorch can use"),
        Err(why) => why,
    };
    Err(Fault::new(
        Code::NoDevice,
        format!("a GPU of number {number}"),
        got,
        "name --device cpu, or install the driver and a libtorch with CUDA",
    ))
}

fn unknown(name: &str) -> Fault {
    Fault::new(
        Code::Usage,
        "auto, cpu or cuda:N",
        format!("{name:?}"),
        "correct the option --device",
    )
}

/// The device in words, for the run's record.
pub fn describe(device: Device) -> String {
    match device {
        Device::Cpu => format!("CPU, {} threads", tch::get_num_threads()),
        Device::Cuda(number) => format!("CUDA GPU {number}"),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        assert_eq!(device("cpu", 0).unwrap(), Device::Cpu);
        assert_eq!(device("gpu", 0).unwrap_err().code(), Code::Usage);
        assert_eq!(device("cuda:99", 0).unwrap_err().code(), Code::NoDevice);
    }
}
