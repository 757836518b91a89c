"""Words for where a sound is, near or far, wide or narrow: lines of vocabulary.py."""

from deployments.synth.terms.change import Change

DISTANCES: tuple[tuple[Change, str], ...] = (
    (Change(level_db=-8, brightness=-0.7, distance=1), """
        distant distantly outlying half_a_mile_away over_the_hills beyond_the_hills behind_the_hill down_the_valley
        far_flung out_at_sea over_yonder yonder two_streets_away from_another_room in_another_room out_there
        a_long_way_off long_way_off far faraway remote in_the_distance far_away far_off in_the_background background
        receding across_the_valley on_the_horizon miles_away from_afar off_in_the_distance across_the_lake
        across_the_river across_the_fields a_mile_away afar far_out_of_reach way_off way_back at_a_distance remotely
        half_forgotten in_the_next_valley down_the_street beyond_the_ridge"""),
    (Change(level_db=-4, brightness=-1.6, distance=0.3), """
        muffled behind_a_wall through_a_wall next_door underwater submerged veiled blanketed through_the_wall
        through_a_door behind_a_door behind_closed_doors under_a_blanket under_water under_a_pillow through_a_ceiling
        through_the_ceiling through_the_floor swaddled shrouded cloaked cushioned insulated immersed drowned buried
        wrapped_in_wool wrapped_in_cotton behind_a_curtain cottony muzzled gagged swathed occluded from_downstairs
        from_upstairs mumbled"""),
    (Change(level_db=1, distance=-0.35), """
        close near intimate whisper_close at_arm's_length beside_you at_your_ear in_your_ear next_to_you within_reach
        close_at_hand near_field on_your_shoulder cheek_to_cheek close_mic deadened deadpan_dry bone_dry dry nearby
        up_close close_up adjacent right_here in_the_room at_hand anechoic close_miked closely nearest neighbouring
        neighboring proximate in_front_of_you right_beside_you an_inch_away unreverberant reverbless dead_dry parched
        arid"""),
    (Change(distance=0.6, width=0.3), """
        reverb reverberant reverberating spacious echoing echoey echoed vast cathedral in_a_cathedral hall
        concert_hall cavernous cave in_a_cave big huge epic wet resonant in_a_church in_a_temple drenched hangar
        stadium canyon ambient_reverb grand gigantic colossal monumental cathedral_like lofty_hall in_a_canyon
        in_a_hall in_an_empty_hall in_a_tunnel in_a_stairwell airy_hall washed_out reverbed awash soaked
        drenched_in_reverb immense enormous gargantuan titanic towering majestic"""),
)  # fmt: skip

WIDTHS: tuple[tuple[Change, str], ...] = (
    (Change(width=1), """
        wide widely broad stereo immersive surround panoramic encompassing oceanic stretched_out billboard limitless
        stereophonic wide_angle wide_screen horizon_wide surrounds_you that_surrounds_you wraps_around_you
        room_filling filling_the_room outspread outstretched extended_to_the_sides spread_wide spread_across_the_room
        edge_to_edge left_and_right binaural spatial wide_field ample splayed dispersed_to_the_sides fanned_out
        diffuse voluminous airy_wide spreading 360_degree ultrawide extra_wide super_wide roomy wide_as_the_sky
        enveloping expansive all_around encircling sprawling widescreen spread_out wide_open sweeping boundless
        surrounding side_to_side far_and_wide three_dimensional open wraparound engulfing wall_to_wall from_all_sides
        hard_panned broadly breadth broadened widened widening spread spacy spacey spaced stereo_wide wide_stereo
        in_stereo in_wide_stereo full_stereo super_stereo hyperwide megawide cinemascope imax holographic 3d
        immersing all_encompassing all_embracing embracing all_enveloping envelops_you enveloped engulfs_you
        swallowing_you around_your_head around_you all_around_you from_both_sides from_every_side
        from_every_direction from_all_directions in_all_directions both_speakers both_ears across_both_speakers
        between_the_speakers beyond_the_speakers speaker_to_speaker ear_to_ear left_to_right across_the_stage
        across_the_room across_the_sky across_the_horizon horizon_to_horizon coast_to_coast as_far_as_the
        as_wide_as_the fanning_out fans_out fanned flared_out splayed_out stretched stretching stretching_out
        stretches_out unfurled_wide unfenced unbounded unconfined unlimited endlessly_wide infinite infinitely_wide
        capacious commodious cavern_wide airy_space spatialised spatialized spaciously wide_ranging wide_spread
        widespread outflung open_air plain_wide prairie_wide steppe_wide ocean_wide sea_wide sky_wide cosmic_wide
        landscape vistaed surround_sound quadraphonic octophonic ambisonic pingpong ping_pong diffused decorrelated
        scattered_wide dispersed_wide detuned_wide doubled double_tracked unison_wide"""),
    (Change(width=-1), """
        mono narrow narrowly keyhole needle_thin laser_focused monaural compressed hemmed_in pencil_thin
        through_a_telephone slender squeezed_into_the_middle single_speaker tunnel_like strait one_dimensional
        collapsed_to_mono collapsed flat_mono point_like point_source cramped_in enclosed confined_to_the_centre
        confined_to_the_center straight_down_the_middle bottled_up bottled shut_in closeted tightly_centred
        tightly_centered centralised centralized concentrated unspread skinny threadlike boxed centered centred
        focused monophonic pinpoint confined cramped boxed_in boxy squeezed constricted pinched tightly_focused slim
        claustrophobic single_point dead_centre dead_center in_the_middle thin down_the_middle closed_in compact
        one_speaker focussed narrowed narrowing hairline thread_thin wafer_thin paper_thin razor_thin slitlike
        slit_like pinhole pinholed tubular tunnelled funnelled funneled channelled bottlenecked in_mono to_mono
        mono_only fully_mono summed_to_mono single_channel one_channel from_one_speaker through_one_speaker
        from_one_point from_a_single_point from_one_spot from_a_point straight_ahead right_in_the_middle
        right_down_the_middle in_the_centre in_the_center dead_ahead front_and_centre front_and_center locked_centre
        locked_center middle_only centre_only center_only pinpointed localised localized contained condensed
        constrained contracted crimped crowded_together hunched huddled folded_in folded_down shrunken shrunk
        shrivelled cooped_up caged walled_in fenced_in penned_in corseted laced_up straitjacketed tight_lipped
        buttoned_up bunched packed_tight tight_centre tight_center tight_mono zeroed_in single_file one_sided
        through_a_keyhole through_a_tube through_a_pipe through_a_straw in_a_box in_a_closet in_a_cupboard in_a_tin
        in_a_phone phone_speaker telephonic transistor_radio am_radio walkie_talkie intercom megaphone boxlike
        shoebox matchbox monolateral unilateral linear flat_width zero_width no_width without_width without_stereo
        no_stereo unstereo needlelike needle_like pencil_like wirelike stringy spindle_thin restricted cell_like
        coffin_like coffinlike stuffy airless"""),
)  # fmt: skip
