#include "client/cli/table.h"

#include <algorithm>

#include "schema/text.h"

namespace spillgate::cli {
namespace {

constexpr std::size_t kGap = 2;

std::string OneLine(std::string_view text) {
  std::string cell = wire::Readable(text);
  for (char& c : cell) {
    if (c == '\n' || c == '\t') c = ' ';
  }
  return cell;
}

}  // namespace

std::size_t WidthOf(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

void Table::Add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::string& cell : cells) cell = OneLine(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::Render() const {
  std::vector<std::string> titles;
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    titles.push_back(columns_[i].title);
    widths.push_back(WidthOf(columns_[i].title));
    for (const auto& row : rows_) widths[i] = std::max(widths[i], WidthOf(row[i]));
  }
  std::string text;
  const bool titled = std::any_of(titles.begin(), titles.end(),
                                  [](const std::string& title) { return !title.empty(); });
  if (titled) AddLine(titles, widths, text);
  for (const auto& row : rows_) AddLine(row, widths, text);
  return text;
}

void Table::AddLine(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths,
                    std::string& text) const {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string padding(widths[i] - WidthOf(cells[i]), ' ');
    if (i > 0) line += std::string(kGap, ' ');
    line += columns_[i].align == Align::kRight ? padding + cells[i] : cells[i] + padding;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  text += line + '\n';
}

}  // namespace spillgate::cli
