//! What is sold: 16 top categories, 75 below them with four kinds of goods, sizes and shapes each, and claims.

use super::flavours::{self, Flavour};
use super::product::Shape::{self, Bottle, Box, Can, Pouch};

/// How a size is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Unit {
    Gram,
    Kilogram,
    Millilitre,
    Litre,
    Ounce,
    FluidOunce,
    Pieces,
    Bags,
}

/// A top category.
pub(crate) struct Meta {
    pub(crate) flavours: &'static [Flavour],
    pub(crate) claims: &'static [&'static str],
    pub(crate) groups: &'static [Group],
}

/// A second-level category and the goods in it.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) nouns: [&'static str; 4],
    pub(crate) sizes: &'static [(f32, Unit)],
    pub(crate) shapes: &'static [Shape],
}

const fn g(
    name: &'static str,
    nouns: [&'static str; 4],
    sizes: &'static [(f32, Unit)],
    shapes: &'static [Shape],
) -> Group {
    Group {
        name,
        nouns,
        sizes,
        shapes,
    }
}

#[rustfmt::skip]
static WEIGHT: &[(f32, Unit)] = &[
    (50.0, Unit::Gram), (75.0, Unit::Gram), (100.0, Unit::Gram), (125.0, Unit::Gram), (150.0, Unit::Gram),
    (200.0, Unit::Gram), (250.0, Unit::Gram), (300.0, Unit::Gram), (400.0, Unit::Gram), (500.0, Unit::Gram),
    (750.0, Unit::Gram), (1.0, Unit::Kilogram), (1.5, Unit::Kilogram), (8.0, Unit::Ounce),
    (12.0, Unit::Ounce), (16.0, Unit::Ounce),
];

#[rustfmt::skip]
static VOLUME: &[(f32, Unit)] = &[
    (150.0, Unit::Millilitre), (200.0, Unit::Millilitre), (250.0, Unit::Millilitre),
    (330.0, Unit::Millilitre), (400.0, Unit::Millilitre), (500.0, Unit::Millilitre),
    (750.0, Unit::Millilitre), (1.0, Unit::Litre), (1.5, Unit::Litre), (2.0, Unit::Litre),
    (12.0, Unit::FluidOunce), (16.0, Unit::FluidOunce),
];

#[rustfmt::skip]
static SMALLVOLUME: &[(f32, Unit)] = &[
    (5.5, Unit::Millilitre), (15.0, Unit::Millilitre), (30.0, Unit::Millilitre), (50.0, Unit::Millilitre),
    (75.0, Unit::Millilitre), (100.0, Unit::Millilitre), (150.0, Unit::Millilitre),
    (200.0, Unit::Millilitre), (1.7, Unit::FluidOunce), (3.4, Unit::FluidOunce),
];

#[rustfmt::skip]
static COUNT: &[(f32, Unit)] = &[
    (2.0, Unit::Pieces), (4.0, Unit::Pieces), (6.0, Unit::Pieces), (8.0, Unit::Pieces),
    (10.0, Unit::Pieces), (12.0, Unit::Pieces), (20.0, Unit::Pieces), (24.0, Unit::Pieces),
    (30.0, Unit::Pieces), (48.0, Unit::Pieces), (60.0, Unit::Pieces), (90.0, Unit::Pieces),
    (120.0, Unit::Pieces),
];

#[rustfmt::skip]
static BAGS: &[(f32, Unit)] = &[
    (10.0, Unit::Bags), (15.0, Unit::Bags), (20.0, Unit::Bags), (25.0, Unit::Bags), (40.0, Unit::Bags),
    (50.0, Unit::Bags), (80.0, Unit::Bags), (100.0, Unit::Gram), (250.0, Unit::Gram),
];

/// Every top category; its id is its place here, from 1.
#[rustfmt::skip]
pub(crate) static METAS: [Meta; 16] = [
    Meta { flavours: flavours::ROAST,
        claims: &["organic", "fairtrade", "barista", "italian style", "rainforest"],
        groups: &[
            g("Ground Coffee", ["ground coffee", "espresso blend", "filter coffee", "moka coffee"], WEIGHT, &[Pouch, Can, Box]),
            g("Whole Bean Coffee", ["coffee beans", "espresso beans", "single origin beans", "crema beans"], WEIGHT, &[Pouch, Can]),
            g("Coffee Capsules", ["coffee capsules", "espresso pods", "lungo capsules", "ristretto pods"], COUNT, &[Box]),
            g("Instant Coffee", ["instant coffee", "cappuccino powder", "iced coffee mix", "latte sticks"], WEIGHT, &[Can, Bottle, Box]),
            g("Cocoa", ["drinking chocolate", "cocoa powder", "hot chocolate mix", "malt drink"], WEIGHT, &[Can, Box, Pouch]),
        ] },
    Meta { flavours: flavours::HERBS,
        claims: &["organic", "loose leaf", "pyramid bags", "caffeine free", "wellness"],
        groups: &[
            g("Black Tea", ["black tea", "breakfast tea", "afternoon tea", "chai tea"], BAGS, &[Box, Can]),
            g("Green Tea", ["green tea", "matcha tea", "sencha tea", "white tea"], BAGS, &[Box, Can]),
            g("Herbal Tea", ["herbal tea", "infusion", "sleep tea", "digestive tea"], BAGS, &[Box, Pouch]),
            g("Fruit Tea", ["fruit tea", "winter tea", "cold brew tea", "kids tea"], BAGS, &[Box, Pouch]),
        ] },
    Meta { flavours: flavours::SAVOURY,
        claims: &["gluten free", "oven baked", "kettle cooked", "vegan", "sharing size"],
        groups: &[
            g("Chips", ["potato chips", "crinkle chips", "vegetable chips", "lentil chips"], WEIGHT, &[Pouch, Can]),
            g("Crackers", ["crackers", "rice crackers", "cheese bites", "crispbread"], WEIGHT, &[Box, Pouch]),
            g("Nuts", ["roasted cashews", "peanut mix", "salted almonds", "trail mix"], WEIGHT, &[Pouch, Can]),
            g("Popcorn", ["popcorn", "corn puffs", "pretzels", "tortilla chips"], WEIGHT, &[Pouch, Box]),
            g("Jerky", ["beef jerky", "snack sticks", "pork crackling", "seaweed snack"], WEIGHT, &[Pouch]),
        ] },
    Meta { flavours: flavours::SWEET,
        claims: &["gift box", "vegan", "palm oil free", "mini", "limited edition"],
        groups: &[
            g("Chocolate", ["chocolate bar", "pralines", "truffles", "chocolate drops"], WEIGHT, &[Box]),
            g("Biscuits", ["butter biscuits", "sandwich cookies", "wafers", "shortbread"], WEIGHT, &[Box, Pouch]),
            g("Candy", ["fruit chews", "gummy bears", "hard candy", "jelly beans"], WEIGHT, &[Pouch, Box]),
            g("Chewing Gum", ["chewing gum", "bubble gum", "mint dragees", "breath drops"], COUNT, &[Box, Can]),
            g("Bars", ["cereal bar", "protein bar", "nougat bar", "nut bar"], COUNT, &[Box]),
        ] },
    Meta { flavours: flavours::FRUIT,
        claims: &["sugar free", "zero", "no added sugar", "sparkling", "with vitamins"],
        groups: &[
            g("Soft Drinks", ["lemonade", "cola drink", "tonic water", "ginger ale"], VOLUME, &[Can, Bottle]),
            g("Juice", ["fruit juice", "nectar", "smoothie", "juice drink"], VOLUME, &[Bottle, Box]),
            g("Water", ["mineral water", "flavoured water", "sparkling water", "coconut water"], VOLUME, &[Bottle]),
            g("Energy Drinks", ["energy drink", "isotonic drink", "pre workout drink", "vitamin drink"], VOLUME, &[Can]),
            g("Syrup", ["drink syrup", "cordial", "squash concentrate", "iced tea"], VOLUME, &[Bottle]),
        ] },
    Meta { flavours: flavours::SAVOURY,
        claims: &["organic", "traditional", "reduced salt", "vegan", "chef quality"],
        groups: &[
            g("Sauces", ["pasta sauce", "curry sauce", "salad dressing", "ketchup"], WEIGHT, &[Bottle, Can]),
            g("Canned Food", ["baked beans", "chickpeas", "sweet corn", "lentil soup"], WEIGHT, &[Can]),
            g("Pasta and Rice", ["penne pasta", "basmati rice", "couscous", "egg noodles"], WEIGHT, &[Box, Pouch]),
            g("Oil and Vinegar", ["olive oil", "rapeseed oil", "balsamic vinegar", "cider vinegar"], VOLUME, &[Bottle]),
            g("Spices", ["spice mix", "bouillon cubes", "seasoning salt", "grill rub"], WEIGHT, &[Can, Pouch, Box]),
        ] },
    Meta { flavours: flavours::SWEET,
        claims: &["whole grain", "high fibre", "organic", "no palm oil", "crunchy"],
        groups: &[
            g("Cereal", ["corn flakes", "crunchy muesli", "granola", "puffed rice"], WEIGHT, &[Box, Pouch]),
            g("Oats", ["rolled oats", "porridge", "overnight oats", "oat bran"], WEIGHT, &[Box, Pouch]),
            g("Spreads", ["nut butter", "chocolate spread", "fruit spread", "date spread"], WEIGHT, &[Can, Bottle]),
            g("Baking", ["pancake mix", "cake mix", "baking cocoa", "pudding powder"], WEIGHT, &[Box, Pouch]),
        ] },
    Meta { flavours: flavours::FRUIT,
        claims: &["lactose free", "high protein", "probiotic", "unsweetened", "barista"],
        groups: &[
            g("Milk Drinks", ["milk drink", "protein shake", "whey drink", "kefir"], VOLUME, &[Bottle, Box]),
            g("Plant Drinks", ["oat drink", "soy drink", "almond drink", "rice drink"], VOLUME, &[Box, Bottle]),
            g("Yogurt", ["yogurt drink", "drinking yogurt", "skyr drink", "lassi"], VOLUME, &[Bottle]),
            g("Cream", ["cooking cream", "whipping cream", "dessert sauce", "custard"], VOLUME, &[Box, Bottle, Can]),
        ] },
    Meta { flavours: flavours::MEAT,
        claims: &["grain free", "senior", "light", "natural", "adult"],
        groups: &[
            g("Cat Food", ["cat food", "kitten food", "cat pate", "cat treats"], WEIGHT, &[Can, Pouch, Box]),
            g("Dog Food", ["dog food", "dog chunks", "dog biscuits", "training treats"], WEIGHT, &[Can, Pouch, Box]),
            g("Small Pets", ["rodent food", "rabbit pellets", "hamster mix", "hay cubes"], WEIGHT, &[Pouch, Box]),
            g("Fish and Reptile", ["fish flakes", "koi pellets", "turtle sticks", "reptile food"], WEIGHT, &[Can, Pouch]),
            g("Pet Care", ["pet shampoo", "paw balm", "cat litter", "dental sticks"], WEIGHT, &[Box, Pouch]),
        ] },
    Meta { flavours: flavours::SCENT,
        claims: &["sensitive", "moisturising", "dermatologist tested", "for men", "refill"],
        groups: &[
            g("Shower", ["shower gel", "body wash", "bath foam", "shower oil"], VOLUME, &[Bottle]),
            g("Hair Care", ["shampoo", "conditioner", "hair mask", "dry shampoo"], VOLUME, &[Bottle, Pouch]),
            g("Soap", ["hand soap", "bar soap", "liquid soap", "foam soap"], VOLUME, &[Bottle, Box]),
            g("Oral Care", ["toothpaste", "mouthwash", "whitening gel", "dental rinse"], VOLUME, &[Box, Bottle]),
            g("Deodorant", ["deodorant spray", "deo roll on", "body spray", "foot spray"], VOLUME, &[Can, Bottle]),
        ] },
    Meta { flavours: flavours::SCENT,
        claims: &["anti age", "hyaluron", "spf 30", "vegan", "travel size"],
        groups: &[
            g("Face Care", ["face cream", "day cream", "night serum", "eye gel"], SMALLVOLUME, &[Box, Bottle]),
            g("Body Care", ["body lotion", "hand cream", "body butter", "massage oil"], SMALLVOLUME, &[Bottle, Box]),
            g("Sun Care", ["sun lotion", "after sun gel", "self tanner", "sun spray"], SMALLVOLUME, &[Bottle]),
            g("Fragrance", ["eau de toilette", "room fragrance", "scented oil", "cologne"], SMALLVOLUME, &[Box, Bottle]),
            g("Nail and Make-up", ["nail polish", "make up remover", "micellar water", "lip balm"], SMALLVOLUME, &[Box, Bottle]),
        ] },
    Meta { flavours: flavours::WELLNESS,
        claims: &["high strength", "vegan", "sugar free", "slow release", "one a day"],
        groups: &[
            g("Vitamins", ["vitamin c tablets", "multivitamin", "vitamin d3 capsules", "b complex"], COUNT, &[Bottle, Box]),
            g("Minerals", ["magnesium tablets", "zinc capsules", "calcium chews", "iron drops"], COUNT, &[Bottle, Box, Can]),
            g("Sports Nutrition", ["creatine powder", "whey protein", "bcaa capsules", "electrolyte tabs"], WEIGHT, &[Can, Pouch]),
            g("Remedies", ["throat lozenges", "sleep capsules", "cough drops", "digestive tablets"], COUNT, &[Box, Can]),
        ] },
    Meta { flavours: flavours::SCENT,
        claims: &["antibacterial", "concentrate", "eco", "refill", "limescale power"],
        groups: &[
            g("Cleaners", ["all purpose cleaner", "bathroom cleaner", "glass cleaner", "floor cleaner"], VOLUME, &[Bottle]),
            g("Dish Care", ["dish soap", "dishwasher tabs", "rinse aid", "dishwasher salt"], VOLUME, &[Bottle, Box]),
            g("Air Fresheners", ["air freshener", "room spray", "scented candle", "reed diffuser"], VOLUME, &[Can, Box]),
            g("Laundry", ["liquid detergent", "fabric softener", "stain remover", "washing powder"], VOLUME, &[Bottle, Box]),
            g("Pest Control", ["insect spray", "moth traps", "ant bait", "mosquito coils"], VOLUME, &[Can, Box]),
        ] },
    Meta { flavours: flavours::FRUIT,
        claims: &["from 6 months", "organic", "hypoallergenic", "no added sugar", "ultra soft"],
        groups: &[
            g("Baby Food", ["fruit puree", "baby porridge", "rice rusks", "baby juice"], WEIGHT, &[Pouch, Box]),
            g("Diapers", ["diapers", "training pants", "swim diapers", "nursing pads"], COUNT, &[Box, Pouch]),
            g("Baby Care", ["baby wipes", "cotton pads", "bath sponges", "nappy bags"], COUNT, &[Pouch, Box]),
            g("Formula", ["infant formula", "follow on milk", "toddler milk", "growing up milk"], WEIGHT, &[Can, Box]),
        ] },
    Meta { flavours: flavours::FINISH,
        claims: &["heavy duty", "weatherproof", "professional", "fast drying", "stainless steel"],
        groups: &[
            g("Paint", ["wall paint", "spray paint", "wood varnish", "metal primer"], VOLUME, &[Can]),
            g("Adhesives", ["wood glue", "super glue", "silicone sealant", "mounting tape"], VOLUME, &[Bottle, Box]),
            g("Fasteners", ["wood screws", "wall plugs", "hex bolts", "steel nails"], COUNT, &[Box, Pouch]),
            g("Garden", ["plant food", "lawn seed", "potting mix", "slug pellets"], WEIGHT, &[Pouch, Box, Can]),
            g("Car Care", ["car shampoo", "engine oil", "wheel cleaner", "screen wash"], VOLUME, &[Bottle]),
        ] },
    Meta { flavours: flavours::FINISH,
        claims: &["fast charge", "braided", "rechargeable", "5.5 inch", "usb-c"],
        groups: &[
            g("Cables", ["charging cable", "hdmi cable", "lan cable", "audio cable"], COUNT, &[Box, Pouch]),
            g("Batteries", ["aa batteries", "aaa batteries", "button cells", "power bank"], COUNT, &[Box, Pouch]),
            g("Light Bulbs", ["led bulb", "filament bulb", "spot light", "night light"], COUNT, &[Box]),
            g("Office", ["ballpoint pens", "sticky notes", "highlighters", "paper clips"], COUNT, &[Box, Pouch]),
            g("Printer Supplies", ["ink cartridge", "toner", "label tape", "photo paper"], COUNT, &[Box]),
        ] },
];

/// The ids of META, LVL2 and LEAF category for noun `noun` of group `group` of meta category `meta`.
pub(crate) fn category_ids(meta: usize, group: usize, noun: usize) -> [u32; 3] {
    let before: usize = METAS[..meta].iter().map(|m| m.groups.len()).sum();
    let level2 = (before + group) as u32;
    [
        meta as u32 + 1,
        100 + level2,
        1000 + level2 * 10 + noun as u32,
    ]
}
