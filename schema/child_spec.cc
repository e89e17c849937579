#include "schema/child_spec.h"

#include <algorithm>
#include <array>

#include "core/base/hash_bytes.h"

namespace spillgate::wire {

// Each step seeds the next one. The kind of an argument is in the seed: bytes that look like an
// object's id are not that object.
std::uint64_t DigestOf(std::string_view function, std::string_view shape, const SubmitView& view,
                       ByteView payload, std::uint32_t i) {
  const TaskHead& head = view.heads[i];
  std::uint64_t digest = HashBytes(AsBytes(function), std::max<std::uint8_t>(1, head.returns));
  digest = HashBytes(AsBytes(shape), digest);
  for (const ArgRef& arg : view.args.subspan(head.first_arg, head.arg_count)) {
    const std::uint64_t seed = digest + arg.kind;
    if (arg.kind == ArgRef::kInline) {
      digest = HashBytes(payload.subspan(arg.offset, arg.size), seed);
    } else {
      const std::array<std::uint64_t, 3> name{arg.session, arg.seq, arg.index};
      digest = HashBytes(std::as_bytes(std::span(name)), seed);
    }
  }
  return digest;
}

}  // namespace spillgate::wire
