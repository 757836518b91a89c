"""An endless stream: (spec, edits, stored items, k) becomes segment k of its playlist; nothing here keeps state."""
