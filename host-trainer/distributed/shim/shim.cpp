// torch.distributed's C++ (c10d) behind a C interface.
//
// Every function that can fail gives back null, or the failure as text that `skueye_text_free` frees: no C++ exception
// crosses into Rust. A tensor is torch-sys's `C_tensor*`, which is an `at::Tensor*`; one that is given back is the
// caller's to free.
#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <limits>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

namespace {

using Milliseconds = std::chrono::milliseconds;
using BackendPtr = c10::intrusive_ptr<c10d::Backend>;
using StorePtr = c10::intrusive_ptr<c10d::Store>;

struct Meeting {
  StorePtr store;
};

// The connections of one process. After one operation has failed, every later one fails with the same words: the ranks
// are out of step then, and a sum could be of anything.
struct Connections : torch::CustomClassHolder {
  // Declared first, so that it goes last: the back end's threads may still look at the store.
  StorePtr store;
  BackendPtr backend;
  std::mutex lock;
  std::string failure;

  Connections(StorePtr store, BackendPtr backend) : store(std::move(store)), backend(std::move(backend)) {}

  // Runs `operation` on the back end.
  template <typename F>
  auto run(F&& operation) {
    {
      std::lock_guard<std::mutex> guard(lock);
      TORCH_CHECK(failure.empty(), failure);
    }
    try {
      return operation(*backend);
    } catch (const c10::Error& error) {
      remember(error.what_without_backtrace());
      throw;
    } catch (const std::exception& error) {
      remember(error.what());
      throw;
    }
  }

  // Waits for `work`.
  void finish(const c10::intrusive_ptr<c10d::Work>& work) {
    run([&](c10d::Backend&) { TORCH_CHECK(work->wait(), "the operation did not succeed"); });
  }

 private:
  void remember(const char* words) {
    std::lock_guard<std::mutex> guard(lock);
    failure = words;
  }
};

using ConnectionsPtr = c10::intrusive_ptr<Connections>;

struct Group {
  ConnectionsPtr connections;
};

struct Work {
  ConnectionsPtr connections;
  c10::intrusive_ptr<c10d::Work> work;
};

char* text(const char* words) {
  char* copy = strdup(words);
  return copy ? copy : strdup("out of memory");
}

// Runs `work`; what it throws becomes text.
template <typename F>
char* guarded(F&& work) noexcept {
  try {
    work();
    return nullptr;
  } catch (const c10::Error& error) {
    return text(error.what_without_backtrace());
  } catch (const std::exception& error) {
    return text(error.what());
  } catch (...) {
    return text("an exception of unknown type");
  }
}

// ---- NCCL -----------------------------------------------------------------------------------------------------------
//
// ProcessGroupNCCL lives in libtorch_cuda, which a machine without a GPU lacks or cannot load, and its header asks for
// the headers of CUDA and NCCL. So it is found at run time, and one program serves both kinds of machine. Two
// constructors are called by their linker names; everything after that goes through the virtual functions of Backend,
// whose header is libtorch's own.

// Far more than either class takes: 1,112 and 248 bytes by the headers of libtorch 2.11. Their constructors write what they need of it, and their
// destructors, which are virtual, give the whole block back to the heap.
constexpr size_t kRoom = 16 * 1024;

constexpr const char* kNewOptions = "_ZN4c10d16ProcessGroupNCCL7OptionsC1Eb";
constexpr const char* kNewGroup =
    "_ZN4c10d16ProcessGroupNCCLC1EN3c1013intrusive_ptrINS_5StoreENS1_6detail34intrusive_target_default_null_typeIS3_EE"
    "EEiiNS2_INS0_7OptionsENS5_IS8_EEEE";

void* cuda_library() {
  // Where a CUDA libtorch was linked or found before, this gives the same one.
  void* library = dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL);
  TORCH_CHECK(library, dlerror());
  return library;
}

template <typename F>
F function(void* library, const char* name) {
  void* found = dlsym(library, name);
  TORCH_CHECK(found, "libtorch_cuda has no ", name, ": it was built without NCCL or is another version");
  return reinterpret_cast<F>(found);
}

// Makes an object of `T`, whose constructor `construct` calls on the memory it is given.
template <typename T, typename F>
c10::intrusive_ptr<T> construct_in_room(F&& construct) {
  void* memory = ::operator new(kRoom);
  std::memset(memory, 0, kRoom);
  try {
    construct(memory);
  } catch (...) {
    ::operator delete(memory);
    throw;
  }
  // Both classes derive from `T` alone, and that from intrusive_ptr_target alone, so the address is the same.
  return c10::intrusive_ptr<T>::unsafe_steal_from_new(static_cast<T*>(memory));
}

BackendPtr nccl(const StorePtr& store, int rank, int size, Milliseconds timeout) {
  using Options = c10d::Backend::Options;
  using NewOptions = void (*)(void*, bool);
  // The last parameter is an intrusive_ptr to NCCL's own class of options. Every intrusive_ptr is passed alike: by the
  // address of a copy that the caller owns.
  using NewGroup = void (*)(void*, StorePtr, int, int, c10::intrusive_ptr<Options>);
  void* library = cuda_library();
  auto new_options = function<NewOptions>(library, kNewOptions);
  auto new_group = function<NewGroup>(library, kNewGroup);
  // A failed operation is to be thrown by wait(), where it becomes a numbered fault, and not to end the process.
  setenv("TORCH_NCCL_BLOCKING_WAIT", "1", /*overwrite=*/0);
  auto options = construct_in_room<Options>([&](void* memory) { new_options(memory, false); });
  options->timeout = timeout;
  return construct_in_room<c10d::Backend>([&](void* memory) { new_group(memory, store, rank, size, options); });
}

BackendPtr gloo_group(const StorePtr& store, int rank, int size, Milliseconds timeout) {
  auto options = c10d::ProcessGroupGloo::Options::create_default(timeout);
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, options);
}

// ---- collectives ----------------------------------------------------------------------------------------------------

std::vector<at::Tensor> listed(at::Tensor* const* tensors, size_t count) {
  std::vector<at::Tensor> list;
  list.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    list.push_back(*tensors[i]);
  }
  return list;
}

// Every rank's `row`, stacked: `[size, ...]`.
at::Tensor gathered(Connections& connections, const at::Tensor& row) {
  auto size = connections.backend->getSize();
  auto shape = row.sizes().vec();
  shape.insert(shape.begin(), size);
  auto mine = row.contiguous().view({-1});
  auto rows = at::empty({size * mine.numel()}, row.options());
  if (mine.numel() > 0) {
    connections.finish(connections.run(
        [&](c10d::Backend& backend) { return backend._allgather_base(rows, mine, c10d::AllgatherOptions()); }));
  }
  return rows.view(shape);
}

c10::intrusive_ptr<c10d::Work> begin_sum(Connections& connections, std::vector<at::Tensor>& tensors) {
  return connections.run([&](c10d::Backend& backend) {
    return backend.allreduce_coalesced(tensors, c10d::AllreduceCoalescedOptions());
  });
}

// ---- synchronised normalisation -------------------------------------------------------------------------------------

struct Statistics {
  at::Tensor mean; // [c], of all ranks' batches
  at::Tensor variance; // [c], biased
  at::Tensor count; // [], values per channel over all ranks; a tensor, so that a GPU is not waited for
};

std::vector<int64_t> all_but_channels(const at::Tensor& x) {
  std::vector<int64_t> axes;
  for (int64_t axis = 0; axis < x.dim(); ++axis) {
    if (axis != 1) {
      axes.push_back(axis);
    }
  }
  return axes;
}

at::Tensor at_least_float(const at::Tensor& x) {
  return x.scalar_type() == at::kHalf || x.scalar_type() == at::kBFloat16 ? x.to(at::kFloat) : x;
}

// The joined batch's statistics from those of its parts (Chan, Golub and LeVeque 1983), which loses no digits where the
// mean is large against the deviation, as sums of squares would. The parts may differ in size.
Statistics joined_statistics(Connections& connections, const at::Tensor& x) {
  auto channels = x.size(1);
  auto [variance, mean] = at::var_mean(at_least_float(x), all_but_channels(x), /*correction=*/0);
  auto count = at::full({1}, static_cast<double>(x.numel() / channels), mean.options().dtype(at::kDouble));
  auto parts = gathered(connections, at::cat({mean.to(at::kDouble), variance.to(at::kDouble), count}));
  auto counts = parts.narrow(1, 2 * channels, 1); // [size, 1]
  auto means = parts.narrow(1, 0, channels);
  auto total = counts.sum();
  auto joined = (means * counts).sum(0) / total;
  auto spread = (parts.narrow(1, channels, channels) + (means - joined).square()) * counts;
  return {joined.to(mean.scalar_type()), (spread.sum(0) / total).to(mean.scalar_type()), total.to(mean.scalar_type())};
}

// y = (x - mean) / sqrt(variance + eps) * weight + bias, where mean and variance depend on every rank's x. Its
// gradient sums over the ranks once more.
struct Normalise : torch::autograd::Function<Normalise> {
  static at::Tensor forward(
      torch::autograd::AutogradContext* ctx,
      const at::Tensor& x,
      const at::Tensor& weight,
      const at::Tensor& bias,
      const Statistics& joined,
      double eps,
      const ConnectionsPtr& connections) {
    ctx->save_for_backward({x, weight, joined.mean, (joined.variance + eps).rsqrt(), joined.count});
    ctx->saved_data["eps"] = eps;
    // The graph keeps the connections alive.
    ctx->saved_data["connections"] = c10::IValue::make_capsule(connections);
    return std::get<0>(at::native_batch_norm(x, weight, bias, joined.mean, joined.variance, false, 0.0, eps));
  }

  static torch::autograd::variable_list backward(
      torch::autograd::AutogradContext* ctx,
      torch::autograd::variable_list gradients) {
    auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1], &mean = saved[2], &inverse = saved[3], &count = saved[4];
    auto capsule = ctx->saved_data["connections"].toCapsule();
    auto& connections = static_cast<Connections&>(*capsule);
    auto dy = gradients[0].contiguous(x.suggest_memory_format());
    // With given statistics this gives sum(dy * xhat) and sum(dy) of this rank's part.
    auto [unused, dweight, dbias] = at::native_batch_norm_backward(
        dy, x, weight, {}, {}, mean, inverse, true, ctx->saved_data["eps"].toDouble(), {false, true, true});
    auto sums = at::stack({dweight, dbias});
    std::vector<at::Tensor> all{sums};
    auto dweight_here = dweight.clone(), dbias_here = dbias.clone();
    try {
      connections.finish(begin_sum(connections, all));
    } catch (const std::exception&) {
      // The gradients are wrong now. The connections remember the failure, and averaging the gradients over the
      // ranks, which comes next, fails with it: there the caller expects it, here tch would panic.
    }
    auto per_value = sums / count;
    // dx = weight * inverse * (dy - mean(dy) - xhat * mean(dy * xhat)), as a * dy + b * x + c.
    auto a = weight * inverse;
    auto b = -a * inverse * per_value[0];
    auto c = -a * per_value[1] - b * mean;
    std::vector<int64_t> shape(x.dim(), 1);
    shape[1] = x.size(1);
    auto dx = at::addcmul(c.view(shape), at_least_float(x), b.view(shape));
    dx = at::addcmul(dx, at_least_float(dy), a.view(shape));
    return {dx.to(x.scalar_type()), dweight_here, dbias_here, {}, {}, {}};
  }
};

} // namespace

extern "C" {

void skueye_text_free(char* text) {
  std::free(text);
}

// Null where this libtorch's CUDA half is there and loads. Asked before anything else asks for CUDA.
char* skueye_cuda_load() {
  return guarded([] { cuda_library(); });
}

// A store that the ranks meet in. `serve` opens `port` (0 takes a free one, told in `port`), else it is joined.
char* skueye_meeting_new(const char* host, uint16_t* port, bool serve, const char* prefix, int64_t ms, Meeting** out) {
  return guarded([&] {
    c10d::TCPStoreOptions options;
    options.port = *port;
    options.isServer = serve;
    options.waitWorkers = false;
    options.timeout = Milliseconds(ms);
    auto store = c10::make_intrusive<c10d::TCPStore>(host, options);
    *port = store->getPort();
    *out = new Meeting{c10::make_intrusive<c10d::PrefixStore>(prefix, std::move(store))};
  });
}

void skueye_meeting_free(Meeting* meeting) {
  guarded([&] { delete meeting; });
}

char* skueye_meeting_set(Meeting* meeting, const char* key) {
  return guarded([&] { meeting->store->set(key, std::vector<uint8_t>{1}); });
}

// Whether `key` was set within `ms`.
char* skueye_meeting_wait(Meeting* meeting, const char* key, int64_t ms, bool* set) {
  return guarded([&] {
    try {
      meeting->store->wait({key}, Milliseconds(ms));
      *set = true;
    } catch (const c10::DistStoreError&) {
      *set = meeting->store->check({key});
    }
  });
}

char* skueye_group_new(Meeting* meeting, int rank, int size, bool cuda, int64_t ms, Group** out) {
  return guarded([&] {
    auto make = cuda ? nccl : gloo_group;
    auto backend = make(meeting->store, rank, size, Milliseconds(ms));
    *out = new Group{c10::make_intrusive<Connections>(meeting->store, std::move(backend))};
  });
}

void skueye_group_free(Group* group) {
  guarded([&] { delete group; });
}

// Breaks off what is under way: waiting ranks get an error.
char* skueye_group_abort(Group* group) {
  return guarded([&] { group->connections->backend->abort(); });
}

// Begins to replace each of `tensors`, all of one kind, by its sum over the ranks.
char* skueye_all_reduce(Group* group, at::Tensor* const* tensors, size_t count, Work** out) {
  return guarded([&] {
    auto list = listed(tensors, count);
    *out = new Work{group->connections, begin_sum(*group->connections, list)};
  });
}

char* skueye_broadcast(Group* group, at::Tensor* tensor, int root, Work** out) {
  return guarded([&] {
    c10d::BroadcastOptions options;
    options.rootRank = root;
    std::vector<at::Tensor> list{*tensor};
    auto work = group->connections->run([&](c10d::Backend& backend) { return backend.broadcast(list, options); });
    *out = new Work{group->connections, std::move(work)};
  });
}

char* skueye_work_wait(Work* work) {
  return guarded([&] { work->connections->finish(work->work); });
}

void skueye_work_free(Work* work) {
  guarded([&] { delete work; });
}

// Each rank's `row`, stacked.
char* skueye_all_gather(Group* group, at::Tensor* row, at::Tensor** out) {
  return guarded([&] {
    at::NoGradGuard no_grad;
    *out = new at::Tensor(gathered(*group->connections, *row));
  });
}

// Normalises `x` by the statistics of all ranks' batches and moves the running ones towards them, as
// torch.nn.SyncBatchNorm does.
char* skueye_batch_norm(
    Group* group,
    at::Tensor* x,
    at::Tensor* weight,
    at::Tensor* bias,
    at::Tensor* running_mean,
    at::Tensor* running_variance,
    double momentum,
    double eps,
    at::Tensor** out) {
  return guarded([&] {
    Statistics joined;
    {
      at::NoGradGuard no_grad;
      joined = joined_statistics(*group->connections, *x);
      auto unbiased = joined.variance * (joined.count / (joined.count - 1).clamp_min(1));
      running_mean->lerp_(joined.mean, momentum);
      running_variance->lerp_(unbiased, momentum);
    }
    *out = new at::Tensor(Normalise::apply(*x, *weight, *bias, joined, eps, group->connections));
  });
}

} // extern "C"
