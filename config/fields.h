// kField: the typed way from a row of the knob table to a field of Config, made by the compiler
// from the pointers to its members. Only knobs.cc uses it.
#pragma once

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <string>
#include <type_traits>

#include "config/knobs.h"

namespace spillgate::config {

// The struct of a section that holds an instance's fields: Find reads it, or gives null for a
// section without that instance; Reach makes the instance if it can.
template <class S>
const S* Find(const S& plain, const std::string&) {
  return &plain;
}
template <class S>
S* Reach(S& plain, const std::string&) {
  return &plain;
}

template <class S>
const S* Find(const std::map<std::string, S>& instances, const std::string& name) {
  const auto found = instances.find(name);
  return found == instances.end() ? nullptr : &found->second;
}
template <class S>
S* Reach(std::map<std::string, S>& instances, const std::string& name) {
  return &instances[name];
}

template <class Stages>
auto* StageNamed(Stages& stages, const std::string& name) {
  for (const StageName& stage : kStages) {
    if (stage.name == name) return &(stages.*stage.field);
  }
  return static_cast<decltype(&stages.submission)>(nullptr);
}
inline const StageConfig* Find(const StagesConfig& stages, const std::string& name) {
  return StageNamed(stages, name);
}
inline StageConfig* Reach(StagesConfig& stages, const std::string& name) {
  return StageNamed(stages, name);
}

using ClassConfigs = std::array<ClassConfig, kClasses>;
template <class Classes>
auto* ClassNamed(Classes& classes, const std::string& name) {
  const auto found = std::find(kClassNames.begin(), kClassNames.end(), name);
  const auto index = static_cast<std::size_t>(found - kClassNames.begin());
  return index == kClasses ? nullptr : &classes[index];
}
inline const ClassConfig* Find(const ClassConfigs& classes, const std::string& name) {
  return ClassNamed(classes, name);
}
inline ClassConfig* Reach(ClassConfigs& classes, const std::string& name) {
  return ClassNamed(classes, name);
}

template <class S, class F>
F FieldType(F S::*);
template <class S, class F>
S OwnerType(F S::*);

template <class T>
constexpr std::uint64_t MostOf() {
  if constexpr (IsOptional<T>::value) {
    return MostOf<typename T::value_type>();
  } else if constexpr (std::is_enum_v<T>) {
    return MostOf<std::underlying_type_t<T>>();
  } else if constexpr (std::integral<T>) {
    return std::min<std::uint64_t>(std::numeric_limits<T>::max(),
                                   std::numeric_limits<std::int64_t>::max());
  } else {
    return std::numeric_limits<std::int64_t>::max();
  }
}

template <auto kSection, auto kMember>
struct Field {
  using Owner = decltype(OwnerType(kMember));
  using Type = decltype(FieldType(kMember));

  static Setting Get(const Config& config, const std::string& name) {
    const Owner* owner = Find(config.*kSection, name);
    return owner != nullptr ? Encode(owner->*kMember) : Encode(Owner{}.*kMember);
  }
  static void Set(Config& config, const std::string& name, const Setting& setting) {
    if (Owner* owner = Reach(config.*kSection, name)) Decode(setting, owner->*kMember);
  }
};

template <auto kSection, auto kMember>
inline constexpr Access kField{&Field<kSection, kMember>::Get, &Field<kSection, kMember>::Set,
                               IsOptional<typename Field<kSection, kMember>::Type>::value,
                               MostOf<typename Field<kSection, kMember>::Type>()};

}  // namespace spillgate::config
