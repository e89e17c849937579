// Owners of libuv handles. libuv keeps a handle until its close callback has run, which is after
// the owner let go of it; so a handle lives on the heap, and whoever ends it only asks for the end.
#pragma once

#include <uv.h>

#include <memory>

namespace spillgate::net {

template <class Handle>
struct CloseHandle {
  void operator()(Handle* handle) const {
    handle->data = nullptr;  // callbacks that are still on their way find nobody
    uv_close(reinterpret_cast<uv_handle_t*>(handle), [](uv_handle_t* closed) {
      std::unique_ptr<Handle>(reinterpret_cast<Handle*>(closed)).reset();
    });
  }
};

// `initialise` makes it known to a loop, which has to be before its owner may let go of it.
template <class Handle, class Initialise>
[[nodiscard]] std::unique_ptr<Handle, CloseHandle<Handle>> MakeHandle(Initialise initialise,
                                                                      void* data) {
  auto handle = std::make_unique<Handle>();
  initialise(handle.get());
  handle->data = data;
  return std::unique_ptr<Handle, CloseHandle<Handle>>(handle.release());
}

using TcpHandle = std::unique_ptr<uv_tcp_t, CloseHandle<uv_tcp_t>>;
using TimerHandle = std::unique_ptr<uv_timer_t, CloseHandle<uv_timer_t>>;

}  // namespace spillgate::net
