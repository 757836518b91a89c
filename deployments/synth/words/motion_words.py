"""Words for how a level moves, beside whatever else vocabulary.py has them do: (share of `Change.motion`, words)."""

MOTIONS: tuple[tuple[float, str], ...] = (
    (-1.0, """
        undulating undulant undulations breathing heaving ebbing ebb_and_flow ebbing_and_flowing ebbs_and_flows lapping
        surging surges surge swaying rocking lilting billowing billowy wavelike wave_like tidal rolling_slowly
        rising_and_falling rises_and_falls rise_and_fall coming_and_going comes_and_goes come_and_go
        waxing_and_waning swelling_and_receding swells_and_recedes swelling_and_fading swell_and_fade
        receding_and_returning advancing_and_retreating drawing_back rolling_in washing washing_in sloshing sloshy
        slow_waves in_waves in_slow_waves in_long_waves long_swells slow_swells gentle_swells groundswell ground_swell
        slow_breathing inhaling exhaling breath_like cyclic cyclical lulling cradling gusting gusty blowing
        backwash undertow tidal_swell ebb tide_like like_waves like_breath like_the_tide like_breathing
        slowly_pulsing slow_pulsing oscillating_slowly slowly_oscillating wavering meandering wallowing bobbing"""),
    (1.0, """
        sputtering sputtery spluttering spluttery spattering spatter spattery splattering splattery pelting pattering
        patter pitter_pattering crackly crackling_bright prickling prickly prickles sizzling sizzly spitting spits
        fizzing fizzy popping popcorn rattling rattly clattering clattery chattering drumming drumming_on tapping
        tap_tapping ticking clicking clicky flickering flickery fluttering fluttery flutter flittering quivering
        quivery trembling tremulous shivering shuddering jittery jittering twitchy twittering stuttering stuttery
        pecking peppering peppered hammering machine_gun rat_a_tat staccato buzzing whirring vibrating tremolo
        tremolando simmering bubbling_fast seething spritzing sprinkling splashing splashy dribbling_fast dripping
        pinging plinking plopping granular grainy gritty_fast rough raspy scratchy crunchy brittle splintering
        flurrying scurrying skittering pebbly gravelly shaken shaking rustling"""),
)  # fmt: skip
