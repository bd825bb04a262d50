// A stand-in for TensorRT and its ONNX parser, compiled from NVIDIA's own headers, so that the compiler lays out the tables
// that the shims call. `stubs.h` is made of the same headers: every method that is not written here ends the process.
#include <NvInfer.h>
#include <NvOnnxParser.h>

#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "standin.h"
#include "stubs.h"

using namespace nvinfer1;
using standin::done;
using standin::scenario;
using standin::scenario_value;
using standin::wrong;

namespace {
template <typename F> F of_library(char const* library, char const* name) {
    void* opened = dlopen((standin::folder() + library).c_str(), RTLD_NOW | RTLD_NOLOAD);
    void* symbol = opened ? dlsym(opened, name) : nullptr;
    if (!symbol) wrong("%s lacks %s", library, name);
    return reinterpret_cast<F>(symbol);
}

// The real library ends the process without a driver.
void expect_driver() {
    if (!of_library<bool (*)()>("libcuda.so.1", "standin_ready")()) wrong("no driver, or no context in this thread");
}

ILogger& checked(void* pointer) {
    auto& logger = *static_cast<ILogger*>(pointer);
#if NV_TENSORRT_MAJOR >= 11
    InterfaceInfo info = logger.getInterfaceInfo();
    if (std::strcmp(info.kind, "ILogger") || info.major != 1 || logger.getAPILanguage() != APILanguage::kCPP)
        wrong("that is no logger");
#endif
    logger.log(ILogger::Severity::kINFO, "of no interest");
    return logger;
}

void complain(ILogger& logger, std::string const& text) { logger.log(ILogger::Severity::kERROR, text.c_str()); }

// ---- As much of ONNX as the tests' networks need.

struct Field { uint64_t number, value; char const* data; };

std::vector<Field> fields(char const* data, size_t size) {
    std::vector<Field> found;
    char const* end = data + size;
    auto varint = [&] {
        uint64_t value = 0;
        for (int shift = 0; data < end && shift < 64; shift += 7) {
            uint64_t byte = static_cast<unsigned char>(*data++);
            value |= (byte & 127) << shift;
            if (byte < 128) break;
        }
        return value;
    };
    while (data < end) {
        uint64_t tag = varint();
        Field field{tag >> 3, 0, nullptr};
        if ((tag & 7) == 0) field.value = varint();
        else if ((tag & 7) == 5) data += 4;
        else if ((tag & 7) == 1) data += 8;
        else {
            field.value = varint();
            field.data = data;
            if (field.value > static_cast<uint64_t>(end - data)) break;
            data += field.value;
        }
        found.push_back(field);
    }
    return found;
}

std::vector<Field> within(Field const& field) { return fields(field.data, field.value); }
std::string text(Field const& field) { return {field.data, field.value}; }

float half(uint16_t bits) {
    int exponent = bits >> 10 & 31;
    float value = exponent ? std::ldexp(1024.f + (bits & 1023), exponent - 25) : std::ldexp(float(bits & 1023), -24);
    return bits >> 15 ? -value : value;
}

struct Value { std::string name; std::vector<int64_t> dims; };

struct Model {
    std::string bytes;
    std::map<std::string, std::vector<float>> weights;
    std::vector<std::string> operators;
    std::set<std::string> results;
    std::vector<Value> inputs, outputs;
    bool halves = false;

    explicit Model(std::string given) : bytes(std::move(given)) {
        for (Field const& field : fields(bytes.data(), bytes.size())) if (field.number == 7) graph(field);
    }
    void graph(Field const& graph) {
        for (Field const& field : within(graph)) {
            if (field.number == 1) node(field);
            if (field.number == 5) weight(field);
            if (field.number == 11) inputs.push_back(value(field));
            if (field.number == 12) outputs.push_back(value(field));
        }
    }
    void node(Field const& node) {
        for (Field const& field : within(node)) {
            if (field.number == 2) results.insert(text(field));
            if (field.number == 4) operators.push_back(text(field));
        }
    }
    void weight(Field const& tensor) {
        std::string name, raw;
        uint64_t type = 0;
        for (Field const& field : within(tensor)) {
            if (field.number == 2) type = field.value;
            if (field.number == 8) name = text(field);
            if (field.number == 9) raw = text(field);
        }
        halves |= type == 10;
        size_t size = type == 10 ? 2 : 4;
        for (size_t at = 0; at + size <= raw.size(); at += size) {
            float whole = 0;
            uint16_t bits = 0;
            if (size == 2) std::memcpy(&bits, &raw[at], 2), whole = half(bits);
            else std::memcpy(&whole, &raw[at], 4);
            weights[name].push_back(whole);
        }
    }
    static Value value(Field const& info) {
        Value value;
        for (Field const& field : within(info)) {
            if (field.number == 1) value.name = text(field);
            if (field.number != 2) continue;
            for (Field const& type : within(field)) if (type.number == 1)
                for (Field const& shape : within(type)) if (shape.number == 2)
                    for (Field const& dim : within(shape)) if (dim.number == 1) {
                        int64_t size = -1;
                        for (Field const& part : within(dim)) if (part.number == 1) size = part.value;
                        value.dims.push_back(size);
                    }
        }
        return value;
    }

    // Conv 1x1, Relu, GlobalAveragePool, Gemm: the network of `testing.rs`.
    void run(float const* in, float* out) const {
        auto const &conv = weights.at("conv.w"), &bias = weights.at("conv.b"), &gemm = weights.at("gemm.w"),
                   &last = weights.at("gemm.b");
        size_t pixels = inputs.at(0).dims.at(2) * inputs.at(0).dims.at(3), middle = bias.size();
        std::vector<float> pooled(middle);
        for (size_t m = 0; m < middle; ++m) {
            double sum = 0;
            for (size_t p = 0; p < pixels; ++p) {
                float value = bias[m];
                for (size_t c = 0; c < 3; ++c) value += conv[m * 3 + c] * in[c * pixels + p];
                // As ONNX has it, Relu keeps what is not a number.
                sum += value < 0 ? 0 : value;
            }
            pooled[m] = static_cast<float>(sum / pixels);
        }
        for (size_t o = 0; o < last.size(); ++o) {
            out[o] = last[o];
            for (size_t m = 0; m < middle; ++m) out[o] += gemm[o * middle + m] * pooled[m];
        }
    }
};

Dims dims(std::vector<int64_t> const& sizes) {
    Dims dims{};
    dims.nbDims = static_cast<int32_t>(sizes.size());
    for (size_t at = 0; at < sizes.size(); ++at) dims.d[at] = sizes[at];
    return dims;
}
size_t volume(std::vector<int64_t> const& sizes) {
    size_t product = 1;
    for (int64_t size : sizes) product *= size;
    return product;
}

// An object of the interface with its implementation, counted from birth to death.
template <typename Interface, typename Implementation> struct Object : Interface, Implementation {
    char const* kind;
    int* parent;
    int children = 0;
    Object(char const* kind, int* parent) : kind(kind), parent(parent) {
        this->mImpl = this;
        if (parent) ++*parent;
        done((std::string(kind) + " +").c_str());
    }
    ~Object() override {
        if (children) wrong("%s destroyed before what came of it", kind);
        if (parent) --*parent;
        done((std::string(kind) + " -").c_str());
    }
};
}  // namespace

namespace {
constexpr char MAGIC[] = "a plan of the stand-in";

struct Memory : Object<IHostMemory, StubHostMemory> {
    std::string bytes;
    explicit Memory(std::string given) : Object("memory", nullptr), bytes(std::move(given)) {}
    void* data() const noexcept override { return const_cast<char*>(bytes.data()); }
    std::size_t size() const noexcept override { return bytes.size(); }
};

struct Config : Object<IBuilderConfig, StubBuilderConfig> {
    IProgressMonitor* monitor = nullptr;
    int32_t core = -1;
    bool on_dla = false, fallback = false;
    explicit Config(int* parent) : Object("config", parent) {}
    void setFlag(BuilderFlag flag) noexcept override {
        if (flag != BuilderFlag::kGPU_FALLBACK) wrong("another flag");
        fallback = true;
    }
    void setDLACore(int32_t given) noexcept override { core = given; }
    void setDefaultDeviceType(DeviceType type) noexcept override { on_dla = type == DeviceType::kDLA; }
    void setProgressMonitor(IProgressMonitor* given) noexcept override { monitor = given; }
};

struct Network : Object<INetworkDefinition, StubNetworkDefinition> {
    std::string model;
    explicit Network(int* parent) : Object("network", parent) {}
};

struct Builder : Object<IBuilder, StubBuilder> {
    ILogger& logger;
    explicit Builder(ILogger& logger) : Object("builder", nullptr), logger(logger) {}
    int32_t getNbDLACores() const noexcept override { return 1; }
    IBuilderConfig* createBuilderConfig() noexcept override { return new Config(&children); }
    INetworkDefinition* createNetworkV2(NetworkDefinitionCreationFlags flags) noexcept override {
        if (flags != 1u << static_cast<int>(NetworkDefinitionCreationFlag::kSTRONGLY_TYPED)) wrong("a network of weak types");
        if (scenario("no-network")) return nullptr;
        return new Network(&children);
    }
    IHostMemory* buildSerializedNetwork(INetworkDefinition& network, IBuilderConfig& config) noexcept override {
        expect_driver();
        auto& given = static_cast<Network&>(network);
        auto& how = static_cast<Config&>(config);
        if (given.model.empty()) wrong("a network that no parser has filled");
        if (how.on_dla != (how.core >= 0) || how.on_dla != how.fallback) wrong("half of the settings for a DLA");
        if (!Model(given.model).halves) wrong("a network that is not in FP16");
        if (!work(how.monitor)) {
            done("cancelled");
            return nullptr;
        }
        if (scenario("no-plan")) {
            complain(logger, "Could not find any implementation for node conv");
            return nullptr;
        }
        if (scenario("empty-plan")) return new Memory("");
        return new Memory(MAGIC + std::string(1, char(how.core)) + given.model);
    }
    // Two phases, one in the other, reported as the real builder does, from another thread too.
    static bool work(IProgressMonitor* monitor) {
        if (!monitor) wrong("a build that nobody watches");
        InterfaceInfo info = monitor->getInterfaceInfo();
        if (std::strcmp(info.kind, "IProgressMonitor") || info.major != 1) wrong("that is no progress monitor");
        bool go_on = true;
        monitor->phaseStart("Building Engine", nullptr, 4);
        for (int step = 0; step < 4 && go_on; ++step) {
            std::thread([&] {
                monitor->phaseStart("Tactic Selection", "Building Engine", 2);
                for (int inner = 0; inner < 2 && go_on; ++inner) go_on = monitor->stepComplete("Tactic Selection", inner);
                monitor->phaseFinish("Tactic Selection");
            }).join();
            go_on = go_on && monitor->stepComplete("Building Engine", step);
            while (go_on && step == 1 && scenario("hold")) {
                go_on = monitor->stepComplete("Building Engine", step);
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
        }
        monitor->phaseFinish("Building Engine");
        return go_on;
    }
};

struct Context : Object<IExecutionContext, StubExecutionContext> {
    ILogger& logger;
    Model const& model;
    std::map<std::string, uint64_t> addresses;
    Context(int* parent, ILogger& logger, Model const& model) : Object("execution", parent), logger(logger), model(model) {}
    size_t bytes(std::string const& name) const {
        for (auto* values : {&model.inputs, &model.outputs})
            for (Value const& value : *values) if (value.name == name) return 4 * volume(value.dims);
        wrong("a tensor that is not there: %s", name.c_str());
    }
    bool setTensorAddress(char const* name, void* data) noexcept override {
        if (scenario("no-address")) return false;
        auto address = reinterpret_cast<uint64_t>(data);
        auto holds = of_library<bool (*)(uint64_t, size_t)>("libcuda.so.1", "standin_holds");
        if (!holds(address, bytes(name))) wrong("a tensor's address without room for it");
        addresses[name] = address;
        return true;
    }
    bool enqueueV3(cudaStream_t stream) noexcept override {
        expect_driver();
        std::string const &in = model.inputs.at(0).name, &out = model.outputs.at(0).name;
        if (!addresses.count(in) || !addresses.count(out)) wrong("enqueueV3 before every address is set");
        if (scenario("no-enqueue")) {
            complain(logger, "enqueueV3: out of resources");
            return false;
        }
        using Put = void (*)(void*, void (*)(void*, char*, char*), void*, uint64_t, size_t, uint64_t, size_t);
        auto run = [](void* model, char* in, char* out) {
            static_cast<Model*>(model)->run(reinterpret_cast<float*>(in), reinterpret_cast<float*>(out));
        };
        of_library<Put>("libcuda.so.1", "standin_put")(stream, run, const_cast<Model*>(&model), addresses[in], bytes(in),
                                                       addresses[out], bytes(out));
        done("enqueue");
        return true;
    }
};

struct Engine : Object<ICudaEngine, StubCudaEngine> {
    ILogger& logger;
    Model model;
    Engine(int* parent, ILogger& logger, std::string onnx) : Object("engine", parent), logger(logger), model(std::move(onnx)) {}
    Value const& at(int32_t index) const {
        if (index < 0 || index > 1) wrong("a tensor out of range");
        return index == 0 ? model.inputs.at(0) : model.outputs.at(0);
    }
    Value const& named(char const* name) const {
        for (int32_t index : {0, 1}) if (at(index).name == name) return at(index);
        wrong("a tensor that is not there: %s", name);
    }
    int32_t getNbIOTensors() const noexcept override { return 2; }
    char const* getIOTensorName(int32_t index) const noexcept override { return at(index).name.c_str(); }
    Dims getTensorShape(char const* name) const noexcept override {
        auto sizes = named(name).dims;
        if (scenario("other-shape")) sizes.back() += 1;
        return dims(sizes);
    }
    DataType getTensorDataType(char const* name) const noexcept override {
        named(name);
        return scenario("half-tensors") ? DataType::kHALF : DataType::kFLOAT;
    }
    TensorIOMode getTensorIOMode(char const* name) const noexcept override {
        return at(0).name == name ? TensorIOMode::kINPUT : TensorIOMode::kOUTPUT;
    }
    IExecutionContext* createExecutionContext(ExecutionContextAllocationStrategy strategy) noexcept override {
        expect_driver();
        if (strategy != ExecutionContextAllocationStrategy::kSTATIC) wrong("another strategy");
        if (scenario("no-context")) {
            complain(logger, "no memory for the context");
            return nullptr;
        }
        return new Context(&children, logger, model);
    }
};

struct Runtime : Object<IRuntime, StubRuntime> {
    ILogger& logger;
    int32_t core = -1;
    explicit Runtime(ILogger& logger) : Object("runtime", nullptr), logger(logger) {}
    void setDLACore(int32_t given) noexcept override { core = given; }
    ICudaEngine* deserializeCudaEngine(void const* blob, std::size_t size) noexcept override {
        expect_driver();
        std::string plan(static_cast<char const*>(blob), size);
        size_t header = sizeof(MAGIC);
        // What the real library would read as a plan, come what may.
        if (size <= header || plan.compare(0, header - 1, MAGIC)) wrong("a plan that was not built here");
        if (plan[header - 1] != char(core)) wrong("a plan for another DLA core");
        if (scenario("no-engine")) {
            complain(logger, "Engine deserialization failed");
            return nullptr;
        }
        return new Engine(&children, logger, plan.substr(header));
    }
};

struct Error : nvonnxparser::StubParserError {
    std::string text, type;
    int at;
    Error(std::string text, std::string type, int at) : text(std::move(text)), type(std::move(type)), at(at) {}
    char const* nodeOperator() const override { return type.empty() ? nullptr : type.c_str(); }
    char const* desc() const override { return text.c_str(); }
    int node() const override { return at; }
};

struct Parser : nvonnxparser::StubParser {
    INetworkDefinition* network;
    std::vector<Error> found;
    explicit Parser(INetworkDefinition* network) : network(network) { done("parser +"); }
    ~Parser() noexcept override { done("parser -"); }
    bool parse(void const* data, size_t size, char const* path) noexcept override {
        if (path) wrong("a path to weights");
        Model model(std::string(static_cast<char const*>(data), size));
        std::string refused = scenario_value("refuse");
        std::set<std::string> known{"Cast", "Conv", "Relu", "GlobalAveragePool", "Flatten", "Gemm"};
        known.erase(refused);
        int at = 0;
        for (std::string const& name : model.operators) {
            if (!known.count(name)) found.emplace_back("no importer", name, at);
            ++at;
        }
        if (model.inputs.size() != 1 || model.inputs[0].dims.empty() || model.inputs[0].dims[0] != 1)
            found.emplace_back("an input of a free size without a profile", "", -1);
        if (!found.empty()) return false;
        using Fill = void (*)(INetworkDefinition*, char const*, size_t);
        std::string infer = "libnvinfer.so." + std::to_string(NV_TENSORRT_MAJOR);
        of_library<Fill>(infer.c_str(), "standin_fill")(network, model.bytes.data(), model.bytes.size());
        return true;
    }
    int getNbErrors() const noexcept override { return static_cast<int>(found.size()); }
    nvonnxparser::IParserError const* getError(int index) const noexcept override { return &found.at(index); }
};
}  // namespace

extern "C" {
int32_t getInferLibVersion() noexcept {
    std::string version = scenario_value("version");
    return version.empty() ? NV_TENSORRT_MAJOR * 10000 + NV_TENSORRT_MINOR * 100 + NV_TENSORRT_PATCH : std::stoi(version);
}
void* createInferBuilder_INTERNAL(void* logger, int32_t version) noexcept {
    expect_driver();
    if (version != getInferLibVersion()) wrong("another version's caller");
    if (scenario("no-builder")) {
        complain(checked(logger), "CUDA initialization failure with error: 35");
        return nullptr;
    }
    return static_cast<IBuilder*>(new Builder(checked(logger)));
}
void* createInferRuntime_INTERNAL(void* logger, int32_t version) noexcept {
    expect_driver();
    if (version != getInferLibVersion()) wrong("another version's caller");
    return static_cast<IRuntime*>(new Runtime(checked(logger)));
}
int getNvOnnxParserVersion() noexcept { return NV_ONNX_PARSER_VERSION; }
void* createNvOnnxParser_INTERNAL(void* network, void* logger, int version) noexcept {
    if (version != NV_ONNX_PARSER_VERSION) wrong("another version's caller");
    checked(logger);
    return static_cast<nvonnxparser::IParser*>(new Parser(static_cast<INetworkDefinition*>(network)));
}
void standin_fill(INetworkDefinition* network, char const* data, size_t size) {
    static_cast<Network*>(network)->model.assign(data, size);
}
}
