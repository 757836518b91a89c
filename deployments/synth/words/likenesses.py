"""Things that a sound may be like, as data: what "like honey" and "as a razor" do to it."""

from deployments.synth.terms.change import Change

LIKENESS_LINES: tuple[tuple[Change, str], ...] = (
    (Change(brightness=-0.9, attack=0.5), """
        honey syrup treacle caramel velvet cream butter chocolate silk butterscotch wool felt fur suede velour fudge
        custard cashmere blanket pillow duvet cushion cotton moss hot_chocolate cocoa mahogany cognac port_wine
        candlelight ember embers autumn toast bread soup"""),
    (Change(brightness=-1.6), """
        coal tar soot coal_cellar cellar crypt tomb night midnight shadow shadows mud ink oil pitch charcoal smoke
        fog swamp bog dungeon cavern dusk obsidian ebony ash peat basement grave black_hole raven crow lead sludge
        eclipse dust rust thundercloud storm_cloud rotting_wood dirt soil clay earth burnt_wood winter_night"""),
    (Change(brightness=1.5), """
        glass crystal crystals ice diamond diamonds silver sunlight sunshine starlight stars star glitter tinsel neon
        chrome mirror mirrors polished_crystal polished_glass polished_silver morning_sun morning_light daylight
        sparks spark champagne lightning sun snow frost icicle icicles prism jewel jewels gold steel sequins laser
        lasers light glass_shards dew dewdrops fireworks sparkler supernova comet spotlight lemon mint seltzer
        broken_glass needles"""),
    (Change(brightness=1.9, level_db=1), """
        razor razors knife knives scalpel blade blades sandpaper nails chainsaw drill siren buzzsaw wire barbed_wire
        acid vinegar saw hornet wasp"""),
    (Change(level_db=-9), "whisper sigh feather feathers falling_snow falling_feather pin_drop heartbeat murmur"),
    (Change(level_db=5), "thunder cannon cannons jet jet_engine stadium foghorns explosion explosions rock_concert"),
    (Change(register=-1, brightness=-0.4), """
        earthquake elephant whale whales mountain abyss giant giants walrus bear bull foghorn tuba cave_bear
        tectonic_plates ship's_engine"""),
    (Change(register=1, brightness=0.3), """
        mosquito mosquitoes mouse mice fairy fairies pixie pixies kettle canary kitten gnat flea elf elves bat bats
        piccolo"""),
    (Change(attack=2.2, intensity=-0.4), """
        sunrise dawn tide tides glacier cloud clouds mist molasses lava breath waking flower growing_thing rising_sun
        slow_breath incoming_tide opening_flower rolling_fog incoming_fog blossom vapour vapor"""),
    (Change(attack=-2.2), """
        whip slap gunshot bullet punch whipcrack firecracker pistol mousetrap trapdoor slammed_door snap hammer cork
        popping_cork kick thunderclap jab dart"""),
    (Change(attack=1.0, intensity=-0.6, tempo=-0.55), "snail snails tortoise turtle turtles sloth slug funeral"),
    (Change(attack=-1.2, intensity=0.8, tempo=0.5), """
        racehorse cheetah hummingbird rocket greyhound sprinter express_train runaway_train bolt bee bees gazelle
        hare rabbit stampede chase"""),
    (Change(intensity=1.2), "beehive swarm hailstorm traffic_jam jungle crowd downpour torrent avalanche waterfall"),
    (Change(intensity=-1.3), "haiku empty_room desert tundra dripping_tap dripping_faucet hermit"),
    (Change(width=1), "ocean sky horizon panorama prairie landscape wide_sky night_sky universe cinema plain"),
    (Change(width=-1), "keyhole telephone tin_can laser_beam straw needle pinhole walkie_talkie transistor_radio"),
)  # fmt: skip
