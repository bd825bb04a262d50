//! Where each method stands in TensorRT's virtual tables, for every major version: a shim is one table of numbers.
//!
//! The order of a class's `virtual` declarations in `NvInferImpl.h` and `NvOnnxParser.h` is its order in the table; a
//! virtual destructor takes two places (Itanium C++ ABI 2.5.2). Within a major version places are only added at the end,
//! so what 10.0 has stands where it stood: the headers of every release from 10.0 to 10.16 and of 11.0, 11.1 and 11.4
//! agree on what is called here. The stand-in of the tests is compiled from those of 10.16 and 11.4 and so keeps these
//! numbers true; the real TensorRT-RTX 1.7, whose tables agree with 11.4's, confirms the builder's and the parser's.

/// The places of the methods that are called. `createNetworkV2` and its like name the method of the C++ interface.
#[derive(Debug)]
pub(in crate::tensorrt) struct Slots {
    /// The major version.
    pub major: i32,
    /// The bits of `createNetworkV2` that make a network strongly typed.
    pub strongly_typed: u32,
    /// Whether the logger is a versioned interface, as from 11 on.
    pub versioned_logger: bool,
    pub builder_dla_cores: usize,
    pub builder_create_config: usize,
    pub builder_create_network: usize,
    pub builder_build: usize,
    pub config_set_flag: usize,
    pub config_set_dla_core: usize,
    pub config_set_device_type: usize,
    pub config_set_progress_monitor: usize,
    pub parser_error_count: usize,
    pub parser_error: usize,
    pub parser_delete: usize,
    pub runtime_set_dla_core: usize,
    pub engine_tensor_shape: usize,
    pub engine_tensor_type: usize,
    pub engine_tensor_mode: usize,
    pub engine_tensor_count: usize,
    pub engine_tensor_name: usize,
    pub context_set_address: usize,
    pub context_enqueue: usize,
}

/// TensorRT 10: JetPack 6 and 7.
pub(in crate::tensorrt) static V10: Slots = Slots {
    major: 10,
    strongly_typed: 1 << 1,
    versioned_logger: false,
    builder_dla_cores: 5,
    builder_create_config: 7,
    builder_create_network: 8,
    builder_build: 14,
    config_set_flag: 11,
    config_set_dla_core: 18,
    config_set_device_type: 20,
    config_set_progress_monitor: 56,
    parser_error_count: 5,
    parser_error: 6,
    parser_delete: 9,
    runtime_set_dla_core: 5,
    engine_tensor_shape: 19,
    engine_tensor_type: 20,
    engine_tensor_mode: 23,
    engine_tensor_count: 30,
    engine_tensor_name: 31,
    context_set_address: 24,
    context_enqueue: 37,
};

/// TensorRT 11, which is always strongly typed.
pub(in crate::tensorrt) static V11: Slots = Slots {
    major: 11,
    strongly_typed: 1,
    versioned_logger: true,
    builder_dla_cores: 3,
    builder_create_config: 5,
    builder_create_network: 6,
    builder_build: 11,
    config_set_flag: 9,
    config_set_dla_core: 16,
    config_set_device_type: 18,
    config_set_progress_monitor: 45,
    parser_error_count: 3,
    parser_error: 4,
    parser_delete: 7,
    runtime_set_dla_core: 4,
    engine_tensor_shape: 15,
    engine_tensor_type: 16,
    engine_tensor_mode: 19,
    engine_tensor_count: 26,
    engine_tensor_name: 27,
    context_set_address: 23,
    context_enqueue: 36,
};

/// The newest first.
pub(in crate::tensorrt) static MAJORS: [&Slots; 2] = [&V11, &V10];

// The same in every major version.

/// The deleting destructor of every object but the parser.
pub(super) const DELETE: usize = 1;
pub(super) const MEMORY_DATA: usize = 2;
pub(super) const MEMORY_SIZE: usize = 3;
pub(super) const RUNTIME_DESERIALIZE: usize = 3;
pub(super) const ENGINE_CREATE_CONTEXT: usize = 5;
pub(super) const PARSER_PARSE: usize = 0;
pub(super) const PARSER_ERROR_TEXT: usize = 1;
pub(super) const PARSER_ERROR_NODE: usize = 5;
pub(super) const PARSER_ERROR_OPERATOR: usize = 7;
