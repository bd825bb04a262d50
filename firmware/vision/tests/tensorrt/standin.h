// What both stand-ins share. They lie in a folder of their own with a file `scenario`, whose words say what is to fail, and
// write what they did to `calls`.
#pragma once
#include <dlfcn.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>

namespace standin {
// Of this library alone: what C++ calls inline the loader makes one for all.
static int here;

static inline std::string folder() {
    Dl_info info;
    if (!dladdr(&here, &info)) std::abort();
    std::string path = info.dli_fname;
    return path.substr(0, path.rfind('/') + 1);
}

static inline std::string scenario_text() {
    std::ifstream file(folder() + "scenario");
    return " " + std::string(std::istreambuf_iterator<char>(file), {}) + " ";
}

static inline bool scenario(std::string const& word) { return scenario_text().find(" " + word + " ") != std::string::npos; }

// The word after `word`.
static inline std::string scenario_value(std::string const& word) {
    std::string text = scenario_text();
    auto at = text.find(" " + word + " ");
    if (at == std::string::npos) return "";
    at += word.size() + 2;
    return text.substr(at, text.find(' ', at) - at);
}

static inline void done(char const* what) {
    FILE* file = std::fopen((folder() + "calls").c_str(), "a");
    if (!file) return;
    std::fprintf(file, "%s\n", what);
    std::fclose(file);
}

[[noreturn]] inline void wrong(char const* format, ...) {
    std::va_list arguments;
    va_start(arguments, format);
    std::fprintf(stderr, "stand-in: ");
    std::vfprintf(stderr, format, arguments);
    std::fprintf(stderr, "\n");
    std::abort();
}
}  // namespace standin
