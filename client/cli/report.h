// What the command says in JSON of values, failures and enumerations, the same in every verb. Pure.
#pragma once

#include <string>
#include <string_view>

#include "client/lib/failure.h"
#include "core/base/buffer.h"
#include "core/base/json.h"
#include "core/model/outcome.h"

namespace spillgate::cli {

// {"schema": "spillgate.VERB/1"}: the contract of what follows. Fields are added, never renamed.
[[nodiscard]] Json Heading(std::string_view verb);

// {"size", "encoding": "text" or "base64", "value"}: text if it is UTF-8 without control characters
// other than tab and newline.
[[nodiscard]] Json ToJson(ByteView value);
// {"kind", "reason", "message"}, and what else is known.
[[nodiscard]] Json ToJson(const client::Failure& failure);

[[nodiscard]] std::string Base64(ByteView bytes);
[[nodiscard]] std::string_view NameOf(Fate fate);
[[nodiscard]] std::string_view NameOf(wire::StageNumber stage);

}  // namespace spillgate::cli
