// Table: rows of text in columns, as wide as they need to be. Numbers stand to the right. Cells may
// hold what strangers wrote: nothing in them can move the cursor. Pure; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace spillgate::cli {

class Table {
 public:
  enum class Align : std::uint8_t { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void Add(std::vector<std::string> cells);  // those that are missing are empty
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  // A line of titles, if any column has one, and a line for each row; no blanks at their ends.
  [[nodiscard]] std::string Render() const;

 private:
  void AddLine(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths,
               std::string& text) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Columns that the text takes on a terminal, as far as characters are one wide.
[[nodiscard]] std::size_t WidthOf(std::string_view text);

}  // namespace spillgate::cli
