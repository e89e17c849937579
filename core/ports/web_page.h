// What the admin port serves: pages, each made anew when it is asked for. Those who make them know
// no socket, the one who serves them does not know what they say.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace spillgate {

struct WebPage {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

struct WebRoute {
  std::string path;   // whole, as in "/api/v1/stages"
  std::string about;  // one line for the list of what there is
  std::function<WebPage()> make;
};

}  // namespace spillgate
