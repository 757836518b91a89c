// Note values as times: "1/4" is a beat, "." half longer, "t" of a triplet.
#pragma once

namespace synth {
inline namespace SYNTH_ISA {

inline constexpr const char* kNoteValueNames[] = {"off",  "1/1",  "1/2.", "1/2",  "1/2t",  "1/4.", "1/4",
                                                  "1/4t", "1/8.", "1/8",  "1/8t", "1/16.", "1/16", "1/16t"};
inline constexpr float kNoteValueBeats[] = {0.0f,        4.0f,   3.0f,        2.0f,       4.0f / 3.0f,
                                            1.5f,        1.0f,   2.0f / 3.0f, 0.75f,      0.5f,
                                            1.0f / 3.0f, 0.375f, 0.25f,       1.0f / 6.0f};
inline constexpr int kNoteValues = 13;  // the last index

// `index` into kNoteValueNames, not 0.
inline float note_value_beats(int index) noexcept { return kNoteValueBeats[index]; }

}  // namespace SYNTH_ISA
}  // namespace synth
