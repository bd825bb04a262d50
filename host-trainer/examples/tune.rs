use skueye_models::network::*;
use skueye_models::*;
use skueye_trainer::data::*;
use skueye_trainer::engine::*;
use skueye_trainer::evaluate::*;
use skueye_trainer::mine::*;
use skueye_trainer::pictures::*;
use skueye_trainer::weights::read_pth;
use std::path::Path;
use std::time::Instant;
use tch::{Device, Kind, Tensor};
fn arg(name: &str, d: f64) -> f64 {
    std::env::args()
        .find_map(|a| {
            a.strip_prefix(&format!("{name}="))
                .map(|v| v.parse().unwrap())
        })
        .unwrap_or(d)
}
fn sarg(name: &str, d: &str) -> String {
    std::env::args()
        .find_map(|a| a.strip_prefix(&format!("{name}=")).map(|v| v.to_string()))
        .unwrap_or(d.into())
}
fn feats(m: &Module, l: &Loader) -> Tensor {
    let jobs: Vec<Job> = (0..l.paths.len())
        .map(|picture| Job {
            picture,
            view: None,
        })
        .collect();
    let mut v = vec![];
    for b in l.stream(jobs.chunks(32).map(<[Job]>::to_vec).collect()) {
        let (_, x) = b.unwrap();
        v.push(m.infer(&pictures(&x, l.preprocess.size)));
    }
    Tensor::cat(&v, 0)
}
fn units(t: &Tensor) -> Vec<UnitEmbedding> {
    let d = t.size()[1] as usize;
    to_vec(t)
        .chunks(d)
        .map(|r| UnitEmbedding::normalise(r.to_vec()).unwrap())
        .collect()
}
fn show(name: &str, set: &EvaluationSet, i: &Tensor, q: &Tensor) {
    let m = Metrics::new(&float_ranking(&units(i), &units(q), 10), &set.truth);
    println!(
        "{name}: mar {:.4} r1 {:.4} map {:.4} auroc {:?}",
        m.mar10, m.recall1, m.map10, m.auroc
    );
}
fn main() {
    start(1);
    let root = sarg("data", "target/demo/data");
    let ds = Dataset::open(Path::new(&root)).unwrap();
    let vocab = Vocabulary::new(count_titles(&ds).unwrap(), arg("thr", 5.) as u64).unwrap();
    let mut paths = vec![];
    let mut targets = vec![];
    let mut tk = Tokens::default();
    for r in ds.rows(Split::Train).unwrap() {
        let r = r.unwrap();
        targets.push(vocab.targets(&r.title, &mut tk));
        paths.push(r.image);
    }
    let set = EvaluationSet::load(&ds).unwrap();
    let net = efficientnet_lite(LiteVariant::Lite0);
    let (w, _) = read_pth(Path::new(&sarg("w", "")))
        .unwrap()
        .matched(&net)
        .unwrap();
    let size = arg("size", 128.) as u32;
    let aug = Augmentation {
        least_area: arg("area", 0.35),
        flip: arg("flip", 0.),
        colour: arg("colour", 0.35),
        erase: arg("erase", 0.25),
    };
    let loader = |p: &[std::path::PathBuf]| Loader {
        paths: p.to_vec(),
        preprocess: Preprocess::efficientnet_lite(size),
        augmentation: aug,
        seed: 1,
    };
    let (li, lq) = (loader(&set.index), loader(&set.queries));
    let t = Instant::now();
    let src = Source::frozen(
        loader(&paths),
        &net,
        &w,
        &sarg("cut", "blocks.7"),
        &StoreOptions {
            views: arg("views", 4.) as usize,
            batch: 32,
        },
        Device::Cpu,
    )
    .unwrap();
    println!(
        "store {:?} pics {} attrs {}",
        t.elapsed(),
        paths.len(),
        vocab.len()
    );
    let m0 = Module::new(net.clone(), &w, Device::Cpu);
    if arg("pre", 0.) > 0. {
        show("pretrained", &set, &feats(&m0, &li), &feats(&m0, &lq));
    }
    let t = Instant::now();
    train_teacher(
        &m0,
        &src,
        &targets,
        vocab.len(),
        &TeacherOptions {
            epochs: arg("epochs", 10.) as u64,
            batch: arg("batch", 64.) as usize,
            rate: arg("rate", 5e-4),
            head_rate_factor: arg("head", 10.),
            warm_up: 0.1,
            weight_decay: 1e-4,
            poly: arg("poly", 0.),
        },
    )
    .unwrap();
    println!("teacher {:?}", t.elapsed());
    let (fi, fq) = (feats(&m0, &li), feats(&m0, &lq));
    show("teacher", &set, &fi, &fq);
    let mut f = vec![];
    for b in src.sweep(32) {
        f.push(m0.infer_from(&b.unwrap().1, src.from()));
    }
    let f = Tensor::cat(&f, 0);
    for dim in [256usize] {
        for ridge in [0.01, 0.1, 1.0, 3.0, 10.0, 30.] {
            let wh = fit_whitening(&f, dim, ridge).unwrap();
            let (ww, bb) = wh.as_linear();
            let ap = |x: &Tensor| {
                x.linear(
                    &Tensor::from_slice(&ww).view([dim as i64, -1]),
                    Some(&Tensor::from_slice(&bb)),
                )
            };
            show(
                &format!("whitened {dim} ridge {ridge}"),
                &set,
                &ap(&fi),
                &ap(&fq),
            );
        }
    }
    let ridge = arg("ridge", 1.0);
    let wh = fit_whitening(&f, 256, ridge).unwrap();
    let (ww, bb) = wh.as_linear();
    let mut sw = m0.weights();
    sw.insert("embedding.weight", vec![256, 1280], ww);
    sw.insert("embedding.bias", vec![256], bb);
    let snet = net.clone().with_linear("embedding", 256);
    let t = Instant::now();
    let vec = teacher_vectors(&Module::new(snet.clone(), &sw, Device::Cpu), &src, 32).unwrap();
    println!("vectors {:?}", t.elapsed());
    for (ep, rate, rel, att) in [
        (3u64, 2e-4, 1.0, 0.1),
        (3, 2e-4, 0.0, 0.0),
        (3, 2e-4, 0.0, 0.5),
    ] {
        let t = Instant::now();
        let s = Module::new(snet.clone(), &sw, Device::Cpu);
        distil(
            &s,
            &src,
            &vec,
            &targets,
            vocab.len(),
            &DistilOptions {
                epochs: ep,
                batch: 64,
                rate,
                warm_up: 0.1,
                weight_decay: 1e-4,
                relational: rel,
                attributes: att,
            },
        )
        .unwrap();
        show(
            &format!(
                "student ep {ep} rate {rate} rel {rel} att {att} {:?}",
                t.elapsed()
            ),
            &set,
            &feats(&s, &li),
            &feats(&s, &lq),
        );
    }
    let _ = Kind::Float;
}
