// A stand-in for NVIDIA's driver, stricter than the real one: memory of the device cannot be read by the processor, work on
// a stream is done when the stream is waited for and not before, and whatever is used wrongly ends the process.
#include "standin.h"

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

using standin::done;
using standin::scenario;
using standin::wrong;

namespace {
using Work = std::function<int()>;
constexpr uint64_t DEVICE = 1ull << 60;
constexpr int NO_DEVICE = 100, INVALID = 1, LOST = 719, UNSUPPORTED = 900, SPOILT = 901;

struct Graph { std::vector<Work> work; };
struct Stream { std::vector<Work> work; Graph* capture = nullptr; };

std::mutex mutex;
std::map<char*, size_t> pinned;
std::map<uint64_t, size_t> on_device;
std::map<void*, Stream*> streams;
std::map<void*, Graph*> graphs, executables;
bool started = false;
thread_local bool entered = false;

void expect_entered(char const* what) {
    if (!entered) wrong("%s outside of the context", what);
}

template <typename Map, typename Key> bool holds(Map const& map, Key from, size_t bytes) {
    auto after = map.upper_bound(from);
    if (after == map.begin()) return false;
    auto entry = std::prev(after);
    return from + bytes <= entry->first + entry->second;
}

char* memory(uint64_t address, size_t bytes) {
    if (!holds(on_device, address, bytes)) wrong("device memory that was not taken, or is gone");
    return reinterpret_cast<char*>(address ^ DEVICE);
}

char* host(void const* pointer, size_t bytes) {
    char* first = static_cast<char*>(const_cast<void*>(pointer));
    if (!holds(pinned, first, bytes)) wrong("a copy with host memory that is not pinned");
    return first;
}

Stream& stream_of(void* handle) {
    auto found = streams.find(handle);
    if (found == streams.end()) wrong("a stream that is not there");
    return *found->second;
}

void put(void* handle, Work work) {
    Stream& stream = stream_of(handle);
    (stream.capture ? stream.capture->work : stream.work).push_back(std::move(work));
}
}  // namespace

extern "C" {
int cuInit(unsigned) {
    if (scenario("no-driver")) return NO_DEVICE;
    started = true;
    return 0;
}
int cuGetErrorName(int, char const** name) { *name = "CUDA_ERROR_OF_THE_STAND_IN"; return 0; }
int cuDeviceGetCount(int* count) {
    if (!started) wrong("cuDeviceGetCount before cuInit");
    *count = scenario("no-gpu") ? 0 : 1;
    return 0;
}
int cuDeviceGet(int* device, int) { *device = 7; return 0; }
int cuDeviceGetName(char* name, int length, int device) {
    if (device != 7) wrong("another device");
    std::snprintf(name, length, "Stand-in");
    return 0;
}
int cuDeviceGetAttribute(int* value, int attribute, int) { *value = attribute == 75 ? 8 : 7; return 0; }
int cuDevicePrimaryCtxRetain(void** context, int) { *context = &started; done("context"); return 0; }
int cuCtxSetCurrent(void* context) {
    if (context != &started) wrong("a context that is not there");
    entered = true;
    return 0;
}
int cuMemAlloc_v2(uint64_t* address, size_t bytes) {
    expect_entered("cuMemAlloc");
    if (scenario("no-memory")) return 2;
    std::lock_guard lock(mutex);
    *address = reinterpret_cast<uint64_t>(new char[bytes]) ^ DEVICE;
    on_device[*address] = bytes;
    done("device +");
    return 0;
}
int cuMemFree_v2(uint64_t address) {
    expect_entered("cuMemFree");
    std::lock_guard lock(mutex);
    if (!on_device.erase(address)) wrong("device memory given back twice");
    for (auto& entry : streams) if (!entry.second->work.empty()) wrong("memory given back under work");
    delete[] reinterpret_cast<char*>(address ^ DEVICE);
    done("device -");
    return 0;
}
int cuMemHostAlloc(void** pointer, size_t bytes, unsigned) {
    expect_entered("cuMemHostAlloc");
    std::lock_guard lock(mutex);
    char* first = new char[bytes];
    std::fill(first, first + bytes, char(0x7f));
    pinned[first] = bytes;
    *pointer = first;
    done("pinned +");
    return 0;
}
int cuMemFreeHost(void* pointer) {
    expect_entered("cuMemFreeHost");
    std::lock_guard lock(mutex);
    if (!pinned.erase(static_cast<char*>(pointer))) wrong("pinned memory given back twice");
    delete[] static_cast<char*>(pointer);
    done("pinned -");
    return 0;
}
int cuStreamCreate(void** handle, unsigned flags) {
    expect_entered("cuStreamCreate");
    if (flags != 1) wrong("a stream that waits for the default stream");
    std::lock_guard lock(mutex);
    auto* stream = new Stream;
    streams[stream] = stream;
    *handle = stream;
    done("stream +");
    return 0;
}
int cuStreamDestroy_v2(void* handle) {
    expect_entered("cuStreamDestroy");
    std::lock_guard lock(mutex);
    Stream& stream = stream_of(handle);
    if (!stream.work.empty()) wrong("a stream destroyed under work");
    streams.erase(handle);
    delete &stream;
    done("stream -");
    return 0;
}
int cuStreamSynchronize(void* handle) {
    expect_entered("cuStreamSynchronize");
    std::lock_guard lock(mutex);
    Stream& stream = stream_of(handle);
    if (stream.capture) wrong("waited for a stream that records");
    std::vector<Work> work;
    work.swap(stream.work);
    if (scenario("lost") && !work.empty()) return LOST;
    for (Work& piece : work) if (int answer = piece()) return answer;
    return 0;
}
int cuMemcpyHtoDAsync_v2(uint64_t to, void const* from, size_t bytes, void* stream) {
    expect_entered("cuMemcpyHtoDAsync");
    std::lock_guard lock(mutex);
    put(stream, [=] { std::copy_n(host(from, bytes), bytes, memory(to, bytes)); return 0; });
    return 0;
}
int cuMemcpyDtoHAsync_v2(void* to, uint64_t from, size_t bytes, void* stream) {
    expect_entered("cuMemcpyDtoHAsync");
    std::lock_guard lock(mutex);
    put(stream, [=] { std::copy_n(memory(from, bytes), bytes, host(to, bytes)); return 0; });
    return 0;
}
int cuStreamBeginCapture_v2(void* handle, int mode) {
    expect_entered("cuStreamBeginCapture");
    if (mode != 1) wrong("a capture that other threads disturb");
    if (scenario("no-capture")) return UNSUPPORTED;
    std::lock_guard lock(mutex);
    Stream& stream = stream_of(handle);
    if (stream.capture || !stream.work.empty()) wrong("a capture on a stream that is busy");
    stream.capture = new Graph;
    return 0;
}
int cuStreamEndCapture(void* handle, void** graph) {
    expect_entered("cuStreamEndCapture");
    std::lock_guard lock(mutex);
    Stream& stream = stream_of(handle);
    if (!stream.capture) wrong("the end of a capture that was not begun");
    Graph* recorded = stream.capture;
    stream.capture = nullptr;
    if (scenario("spoilt-capture")) {
        delete recorded;
        *graph = nullptr;
        return SPOILT;
    }
    graphs[recorded] = recorded;
    *graph = recorded;
    done("graph +");
    return 0;
}
int cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long flags) {
    expect_entered("cuGraphInstantiate");
    std::lock_guard lock(mutex);
    if (flags != 0 || !graphs.count(graph)) wrong("a graph that is not there");
    if (scenario("no-instantiate")) return INVALID;
    auto* copy = new Graph(*graphs[graph]);
    executables[copy] = copy;
    *executable = copy;
    done("executable +");
    return 0;
}
int cuGraphLaunch(void* executable, void* handle) {
    expect_entered("cuGraphLaunch");
    std::lock_guard lock(mutex);
    if (!executables.count(executable)) wrong("a graph that was not instantiated");
    for (Work const& piece : executables[executable]->work) put(handle, piece);
    done("launch");
    return 0;
}
int cuGraphDestroy(void* graph) {
    std::lock_guard lock(mutex);
    if (!graphs.count(graph)) wrong("a graph destroyed twice");
    delete graphs[graph];
    graphs.erase(graph);
    done("graph -");
    return 0;
}
int cuGraphExecDestroy(void* executable) {
    expect_entered("cuGraphExecDestroy");
    std::lock_guard lock(mutex);
    if (!executables.count(executable)) wrong("a graph destroyed twice");
    delete executables[executable];
    executables.erase(executable);
    done("executable -");
    return 0;
}

// What the stand-in of TensorRT asks.
bool standin_ready() { return started && entered; }
bool standin_holds(uint64_t address, size_t bytes) {
    std::lock_guard lock(mutex);
    return holds(on_device, address, bytes);
}
void standin_put(void* stream, void (*work)(void*, char*, char*), void* self, uint64_t in, size_t in_bytes, uint64_t out,
                 size_t out_bytes) {
    std::lock_guard lock(mutex);
    put(stream, [=] { work(self, memory(in, in_bytes), memory(out, out_bytes)); return 0; });
}
}
