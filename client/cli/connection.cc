#include "client/cli/connection.h"

#include <algorithm>

namespace spillgate::cli {

client::ClientOptions OptionsFor(const Globals& globals, std::uint32_t retries) {
  client::ClientOptions options;
  options.address = globals.address;
  options.name = globals.tenant;
  options.token_file = globals.token_file;
  options.software = "spillgate " SPILLGATE_VERSION;
  options.connect_timeout = std::min(options.connect_timeout, globals.timeout);
  options.request_timeout = globals.timeout;
  options.lost_after = std::min(options.lost_after, globals.timeout);
  options.retry.most = retries;
  return options;
}

client::Result<client::Client> Connect(const Globals& globals, std::uint32_t retries) {
  return client::Client::Connect(OptionsFor(globals, retries));
}

}  // namespace spillgate::cli
