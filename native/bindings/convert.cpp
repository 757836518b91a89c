#include "convert.h"

#include <array>
#include <cstring>

#include "synth/pool.h"
#include "synth/values.h"

namespace convert {
namespace {

// Never destroyed: arrays may outlive the module at interpreter exit.
synth::BufferPool& pool() {
  static auto* instance = new synth::BufferPool();
  return *instance;
}

std::string type_name(const py::handle& value) {
  return py::str(py::type::handle_of(value).attr("__name__"));
}

py::object required(const py::dict& dict, const char* key, const std::string& where) {
  if (!dict.contains(key)) throw synth::Invalid(where + ": needs \"" + key + "\"");
  return dict[key];
}

std::string text_of(const py::handle& value, const std::string& what) {
  if (!py::isinstance<py::str>(value)) throw synth::Invalid(what + " must be text, not " + type_name(value));
  Py_ssize_t size = 0;
  const char* const text = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
  if (text) return {text, static_cast<std::size_t>(size)};
  PyErr_Clear();
  throw synth::Invalid(what + " = " + std::string(py::repr(value)) + " has no form in UTF-8");
}

// int, float and numpy scalars, but not bool: True as a cutoff is a mistake.
double number_of(const py::handle& value, const std::string& what) {
  if (!py::isinstance<py::bool_>(value)) {
    const double number = PyFloat_AsDouble(value.ptr());
    if (!PyErr_Occurred()) return number;
    PyErr_Clear();
  }
  if (PyLong_Check(value.ptr()) && !py::isinstance<py::bool_>(value))
    throw synth::Invalid(what + " is a number of more than 308 digits");
  throw synth::Invalid(what + " must be a number, not " + type_name(value));
}

std::variant<double, std::string> value_of(const py::handle& value, const std::string& what) {
  if (py::isinstance<py::str>(value)) return text_of(value, what);
  if (value.is_none()) throw synth::Invalid(what + " must be a number or a word, not None");
  return number_of(value, what);
}

py::dict dict_of(const py::handle& value, const std::string& what) {
  if (!py::isinstance<py::dict>(value))
    throw synth::Invalid(what + " must be a dict, not " + type_name(value));
  return py::reinterpret_borrow<py::dict>(value);
}

py::list list_of(const py::handle& value, const std::string& what) {
  if (!py::isinstance<py::list>(value) && !py::isinstance<py::tuple>(value))
    throw synth::Invalid(what + " must be a list, not " + type_name(value));
  return py::list(py::reinterpret_borrow<py::object>(value));
}

void refuse_unknown(const py::dict& dict, const std::vector<std::string>& valid, const std::string& where) {
  for (const auto& [key, value] : dict) {
    const std::string name = text_of(key, where + ": a key");
    if (std::find(valid.begin(), valid.end(), name) == valid.end())
      throw synth::Invalid(where + ": unknown key \"" + name + "\"" + synth::suggestion(name, valid));
  }
}

synth::NodeSpec node_from(const py::handle& item, std::size_t number) {
  const std::string place = "nodes[" + std::to_string(number) + "]";
  const py::dict node = dict_of(item, place);
  refuse_unknown(node, {"id", "type", "params", "inputs"}, place);
  synth::NodeSpec spec;
  spec.id = text_of(required(node, "id", place), place + ": id");
  const std::string where = "node '" + spec.id + "'";
  spec.type = text_of(required(node, "type", where), where + ": type");
  if (node.contains("params"))
    for (const auto& [key, value] : dict_of(node["params"], where + ": params")) {
      const std::string name = text_of(key, where + ": a parameter's name");
      spec.params[name] = value_of(value, where + ": " + name);
    }
  if (!node.contains("inputs")) return spec;
  const py::dict inputs = dict_of(node["inputs"], where + ": inputs");
  refuse_unknown(inputs, {"in", "sidechain"}, where + ": inputs");
  for (const auto& [key, ids] : {std::pair("in", &spec.inputs), std::pair("sidechain", &spec.sidechain)})
    if (inputs.contains(key))
      for (const py::handle id : list_of(inputs[key], where + ": inputs \"" + key + "\""))
        ids->push_back(text_of(id, where + ": an input"));
  return spec;
}

synth::ModulationSpec modulation_from(const py::handle& item, std::size_t number) {
  const std::string place = "modulations[" + std::to_string(number) + "]";
  const py::dict modulation = dict_of(item, place);
  refuse_unknown(modulation, {"from", "to", "param", "amount", "unit"}, place);
  const auto text = [&](const char* key) {
    return text_of(required(modulation, key, place), place + ": " + key);
  };
  synth::ModulationSpec spec{text("from"), text("to"), text("param")};
  spec.amount = number_of(required(modulation, "amount", place), place + ": amount");
  if (modulation.contains("unit")) spec.unit = text("unit");
  return spec;
}

// The values of a dict by the names that it may have, found in one pass.
template <std::size_t kCount>
std::array<PyObject*, kCount> fields_of(const py::dict& dict, const std::array<const char*, kCount>& names,
                                        const std::string& where) {
  std::array<PyObject*, kCount> values{};
  for (const auto& [key, value] : dict) {
    const char* const text = PyUnicode_Check(key.ptr()) ? PyUnicode_AsUTF8(key.ptr()) : nullptr;
    const auto name = std::find_if(names.begin(), names.end(), [&](const char* valid) {
      return text && std::string_view(valid) == text;
    });
    if (name == names.end()) {
      PyErr_Clear();
      refuse_unknown(dict, {names.begin(), names.end()}, where);
    }
    values[static_cast<std::size_t>(name - names.begin())] = value.ptr();
  }
  return values;
}

synth::EventSpec event_from(const py::handle& item, std::size_t number) {
  const std::string place = "events[" + std::to_string(number) + "]";
  const py::dict event = dict_of(item, place);
  enum { kFrame, kType, kNode, kNote, kVelocity, kParam, kValue, kRamp, kTempo };
  static constexpr std::array<const char*, 9> kNames = {"frame", "type",  "node",   "note",     "velocity",
                                                        "param", "value", "ramp_s", "tempo_bpm"};
  const auto fields = fields_of(event, kNames, place);
  const auto what = [&](std::size_t field) { return place + ": " + kNames[field]; };
  const auto needed = [&](std::size_t field) {
    return fields[field] ? py::handle(fields[field]) : required(event, kNames[field], place);
  };
  synth::EventSpec spec;
  const double frame = number_of(needed(kFrame), what(kFrame));
  if (!(frame >= 0.0 && frame < 9e15 && frame == std::floor(frame)))
    throw synth::Invalid(place + ": frame = " + std::string(py::repr(needed(kFrame))) +
                         " must be a whole number from 0");
  spec.frame = static_cast<std::int64_t>(frame);
  spec.type = text_of(needed(kType), what(kType));
  if (spec.type == "tempo") {
    spec.value = number_of(needed(kTempo), what(kTempo));
    return spec;
  }
  spec.node = text_of(needed(kNode), what(kNode));
  if (spec.type == "set") {
    spec.param = text_of(needed(kParam), what(kParam));
    spec.value = value_of(needed(kValue), what(kValue));
    if (fields[kRamp]) spec.ramp_s = number_of(needed(kRamp), what(kRamp));
  } else {
    spec.note = number_of(needed(kNote), what(kNote));
    if (fields[kVelocity]) spec.velocity = number_of(needed(kVelocity), what(kVelocity));
  }
  return spec;
}

constexpr std::size_t kLongest = 32768;

template <class T>
void put_raw(std::string& bytes, char kind, T value) {
  char raw[sizeof value];
  std::memcpy(raw, &value, sizeof value);
  bytes += kind;
  bytes.append(raw, sizeof value);
}

bool put_text(std::string& bytes, PyObject* text) {
  Py_ssize_t size = 0;
  const char* const data = PyUnicode_AsUTF8AndSize(text, &size);
  if (!data) return PyErr_Clear(), false;
  put_raw(bytes, 's', size);
  bytes.append(data, static_cast<std::size_t>(size));
  return true;
}

// Every value with its kind and length, so that different graphs never share their bytes.
bool put(std::string& bytes, PyObject* value, int depth) {
  if (depth > 6 || bytes.size() > kLongest) return false;
  if (PyUnicode_CheckExact(value)) return put_text(bytes, value);
  if (PyFloat_CheckExact(value)) return put_raw(bytes, 'f', PyFloat_AS_DOUBLE(value)), true;
  if (PyLong_CheckExact(value)) {
    int overflow = 0;
    put_raw(bytes, 'i', PyLong_AsLongLongAndOverflow(value, &overflow));
    return overflow == 0;
  }
  if (PyDict_CheckExact(value)) {
    put_raw(bytes, 'd', PyDict_GET_SIZE(value));
    PyObject *key = nullptr, *item = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(value, &at, &key, &item);)
      if (!put(bytes, key, depth + 1) || !put(bytes, item, depth + 1)) return false;
    return true;
  }
  if (!PyList_CheckExact(value)) return false;
  put_raw(bytes, 'l', PyList_GET_SIZE(value));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(value); ++i)
    if (!put(bytes, PyList_GET_ITEM(value, i), depth + 1)) return false;
  return true;
}

}  // namespace

std::string same_bytes(const py::dict& graph) {
  std::string bytes;
  bytes.reserve(1024);
  return put(bytes, graph.ptr(), 0) ? bytes : "";
}

synth::GraphSpec graph_from(const py::dict& graph) {
  refuse_unknown(graph, {"nodes", "output", "modulations", "tempo_bpm"}, "graph");
  synth::GraphSpec spec;
  for (const py::handle node : list_of(required(graph, "nodes", "graph"), "graph: nodes"))
    spec.nodes.push_back(node_from(node, spec.nodes.size()));
  spec.output = text_of(required(graph, "output", "graph"), "graph: output");
  if (graph.contains("modulations"))
    for (const py::handle modulation : list_of(graph["modulations"], "graph: modulations"))
      spec.modulations.push_back(modulation_from(modulation, spec.modulations.size()));
  if (graph.contains("tempo_bpm")) spec.tempo_bpm = number_of(graph["tempo_bpm"], "graph: tempo_bpm");
  return spec;
}

std::vector<synth::EventSpec> events_from(const py::iterable& events) {
  std::vector<synth::EventSpec> specs;
  for (const py::handle event : events) specs.push_back(event_from(event, specs.size()));
  return specs;
}

py::dict dict_from(const synth::Report& r) {
  py::dict dict;
  dict["loudness_lufs"] = r.loudness_lufs;
  dict["true_peak_dbtp"] = r.true_peak_dbtp;
  dict["peak"] = r.peak;
  dict["dc_offset"] = r.dc_offset;
  dict["silence_ratio"] = r.silence_ratio;
  dict["clipped_samples"] = r.clipped_samples;
  dict["clicks"] = r.clicks;
  dict["limited_by"] = r.limited_by_true_peak ? py::object(py::str("true_peak")) : py::object(py::none());
  dict["ok"] = r.ok;
  dict["gain_db"] = r.gain_db;
  dict["limited_db"] = r.limited_db;
  dict["momentary_max_lufs"] = r.momentary_max_lufs;
  dict["short_term_max_lufs"] = r.short_term_max_lufs;
  dict["loudness_range_lu"] = r.loudness_range_lu;
  return dict;
}

py::dict dict_from(const synth::CacheStats& stats) {
  py::dict dict;
  dict["entries"] = stats.entries;
  dict["hits"] = stats.hits;
  dict["misses"] = stats.misses;
  return dict;
}

FloatArray pooled_array(const std::vector<py::ssize_t>& shape) {
  std::size_t floats = 1;
  for (const py::ssize_t n : shape)
    if (__builtin_mul_overflow(floats, static_cast<std::size_t>(n), &floats)) throw std::bad_alloc();
  struct Block {
    float* data;
    std::size_t floats;
  };
  auto block = std::make_unique<Block>(Block{pool().take(floats), floats});
  float* data = block->data;
  const py::capsule owner(block.release(), [](void* pointer) {
    const std::unique_ptr<Block> taken(static_cast<Block*>(pointer));
    pool().give(taken->data, taken->floats);
  });
  return FloatArray(shape, data, owner);
}

py::dict pool_stats() {
  const synth::BufferPool::Stats stats = pool().stats();
  py::dict dict;
  dict["out_bytes"] = stats.out_bytes;
  dict["kept_bytes"] = stats.kept_bytes;
  dict["hits"] = stats.hits;
  dict["misses"] = stats.misses;
  return dict;
}

namespace {

// Also of arrays at odd addresses, which a plain pointer must not read.
constexpr int kAsPlain = py::array::c_style | py::array::forcecast | py::detail::npy_api::NPY_ARRAY_ALIGNED_;

// A double that no float holds becomes infinity, which is refused by its place; NumPy need not warn of it
// before.
class QuietNumpy {
 public:
  explicit QuietNumpy(bool wanted) {
    if (!wanted) return;
    state_ = py::module_::import("numpy").attr("errstate")(py::arg("all") = "ignore");
    state_.attr("__enter__")();
  }
  QuietNumpy(const QuietNumpy&) = delete;
  QuietNumpy& operator=(const QuietNumpy&) = delete;
  ~QuietNumpy() {
    if (!state_) return;
    const py::error_scope raised;  // of the conversion
    try {
      state_.attr("__exit__")(py::none(), py::none(), py::none());
    } catch (py::error_already_set& error) {
      error.discard_as_unraisable("numpy.errstate");
    }
  }

 private:
  py::object state_;
};

}  // namespace

FloatArray audio_from(const py::array& array, const char* name) {
  const std::string what(name);
  if (array.dtype().kind() != 'f')
    throw synth::Invalid(what + " must be floating point, not " + std::string(py::str(array.dtype())));
  if (array.ndim() != 1 && array.ndim() != 2)
    throw synth::Invalid(what + " must have shape (frames,) or (channels, frames), not " +
                         std::to_string(array.ndim()) + " dimensions");
  if (array.ndim() == 2 && (array.shape(0) < 1 || array.shape(0) > 8))
    throw synth::Invalid(what + " has " + std::to_string(array.shape(0)) +
                         " channels, expected 1 to 8; the shape is (channels, frames)");
  if (array.shape(array.ndim() - 1) < 1) throw synth::Invalid(what + " is empty");
  const QuietNumpy quiet(!array.dtype().is(py::dtype::of<float>()));
  return py::array_t<float, kAsPlain>(array);
}

Channels::Channels(const FloatArray& array)
    : frames(static_cast<std::size_t>(array.shape(array.ndim() - 1))) {
  const std::size_t count = array.ndim() == 1 ? 1 : static_cast<std::size_t>(array.shape(0));
  for (std::size_t c = 0; c < count; ++c) pointers.push_back(array.data() + c * frames);
}

}  // namespace convert
