//! skueye-agent
