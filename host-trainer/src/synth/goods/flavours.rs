//! What products of one line differ in: flavours, scents, finishes, each with its colour and picture.

/// The picture that stands for a flavour on the label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Motif {
    Fruit,
    Citrus,
    Berries,
    Leaf,
    Flower,
    Bean,
    Nut,
    Chili,
    Drop,
    Star,
    Waves,
    Prism,
    Grain,
    Fish,
    Paw,
    Bolt,
}

/// A flavour as it is printed, with the colour of its band and its picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flavour {
    pub(crate) name: &'static str,
    pub(crate) colour: u32,
    pub(crate) motif: Motif,
}

const fn f(name: &'static str, colour: u32, motif: Motif) -> Flavour {
    Flavour {
        name,
        colour,
        motif,
    }
}

pub(crate) static FRUIT: &[Flavour] = &[
    f("Strawberry", 0xD81E3A, Motif::Berries),
    f("Orange", 0xF57C00, Motif::Citrus),
    f("Lemon", 0xF2D21B, Motif::Citrus),
    f("Lime", 0x7DBA28, Motif::Citrus),
    f("Blueberry", 0x3F4C9A, Motif::Berries),
    f("Raspberry", 0xC2185B, Motif::Berries),
    f("Green Apple", 0x8BC34A, Motif::Fruit),
    f("Peach", 0xF7A072, Motif::Fruit),
    f("Mango", 0xFFA726, Motif::Fruit),
    f("Cherry", 0x9B1B30, Motif::Fruit),
    f("Blackcurrant", 0x4A235A, Motif::Berries),
    f("Pineapple", 0xE8B923, Motif::Prism),
    f("Watermelon", 0xE8475B, Motif::Fruit),
    f("Grape", 0x6A3D8F, Motif::Berries),
    f("Passion Fruit", 0x8E4585, Motif::Fruit),
    f("Grapefruit", 0xEF6F6C, Motif::Citrus),
    f("Coconut", 0x8D6E54, Motif::Nut),
    f("Pear", 0xB5C334, Motif::Fruit),
    f("Apricot", 0xF08C3A, Motif::Fruit),
    f("Pomegranate", 0xA3123A, Motif::Fruit),
];

pub(crate) static SAVOURY: &[Flavour] = &[
    f("Sea Salt", 0x3C7FB1, Motif::Waves),
    f("Paprika", 0xC8102E, Motif::Chili),
    f("Cheddar", 0xF2A900, Motif::Prism),
    f("Sour Cream", 0x6FB98F, Motif::Drop),
    f("Rosemary", 0x4B7F52, Motif::Leaf),
    f("Black Pepper", 0x3B3B3B, Motif::Star),
    f("Smoked Bacon", 0x8C3B2A, Motif::Waves),
    f("Sweet Chili", 0xE5442F, Motif::Chili),
    f("Barbecue", 0x6D2E1F, Motif::Bolt),
    f("Garlic", 0xA6A15E, Motif::Flower),
    f("Tomato", 0xD93A2B, Motif::Fruit),
    f("Basil", 0x2E7D32, Motif::Leaf),
    f("Onion", 0x8A5A9B, Motif::Drop),
    f("Mustard", 0xD9A521, Motif::Grain),
    f("Truffle", 0x4E4034, Motif::Nut),
    f("Lemon Thyme", 0xB9C24B, Motif::Citrus),
];

pub(crate) static SWEET: &[Flavour] = &[
    f("Milk Chocolate", 0x7B4B2A, Motif::Bean),
    f("Dark Chocolate", 0x3B1F14, Motif::Bean),
    f("Vanilla", 0xE9D8A6, Motif::Flower),
    f("Caramel", 0xC68642, Motif::Drop),
    f("Hazelnut", 0x9C6B3F, Motif::Nut),
    f("Almond", 0xC9A27E, Motif::Nut),
    f("Peppermint", 0x2BA88C, Motif::Leaf),
    f("Strawberry", 0xD81E3A, Motif::Berries),
    f("Orange", 0xF57C00, Motif::Citrus),
    f("Honey", 0xE0A11B, Motif::Prism),
    f("Cinnamon", 0x9A4B26, Motif::Star),
    f("Coconut", 0x5FB3B3, Motif::Nut),
    f("Raspberry", 0xC2185B, Motif::Berries),
    f("Pistachio", 0x93B060, Motif::Nut),
    f("Toffee", 0xA8622D, Motif::Waves),
    f("Cherry", 0x9B1B30, Motif::Fruit),
];

pub(crate) static ROAST: &[Flavour] = &[
    f("Classic", 0x8B2E16, Motif::Bean),
    f("Dark Roast", 0x2C1A12, Motif::Bean),
    f("Mild Roast", 0xC69C6D, Motif::Bean),
    f("Decaf", 0x2F6DA8, Motif::Bean),
    f("Crema", 0xD9A55B, Motif::Waves),
    f("Hazelnut", 0x9C6B3F, Motif::Nut),
    f("Vanilla", 0xE3CE8F, Motif::Flower),
    f("Caramel", 0xC9772B, Motif::Drop),
    f("Arabica", 0x4F7942, Motif::Leaf),
    f("Intenso", 0x6A0D25, Motif::Bolt),
];

pub(crate) static HERBS: &[Flavour] = &[
    f("Peppermint", 0x2BA88C, Motif::Leaf),
    f("Chamomile", 0xF0C93A, Motif::Flower),
    f("Earl Grey", 0x4A5A7A, Motif::Citrus),
    f("Green", 0x6BA539, Motif::Leaf),
    f("Rooibos", 0xB5471B, Motif::Grain),
    f("Hibiscus", 0xB2184B, Motif::Flower),
    f("Ginger Lemon", 0xE3B23C, Motif::Citrus),
    f("Jasmine", 0xA7C796, Motif::Flower),
    f("Wild Berry", 0x6B2C6B, Motif::Berries),
    f("Fennel", 0x9AB973, Motif::Grain),
    f("Assam", 0x7A3B1D, Motif::Leaf),
    f("Lemongrass", 0xC7D36F, Motif::Grain),
];

pub(crate) static SCENT: &[Flavour] = &[
    f("Lavender", 0x8E7CC3, Motif::Flower),
    f("Ocean", 0x1E88C9, Motif::Waves),
    f("Lemon", 0xF2D21B, Motif::Citrus),
    f("Aloe Vera", 0x5BAA5E, Motif::Leaf),
    f("Rose", 0xE86A92, Motif::Flower),
    f("Coconut", 0xA57C5A, Motif::Nut),
    f("Eucalyptus", 0x4C9A8A, Motif::Leaf),
    f("Vanilla", 0xE6CF95, Motif::Flower),
    f("Argan", 0xB7772E, Motif::Drop),
    f("Green Tea", 0x7FAF3C, Motif::Leaf),
    f("Cotton", 0x8FB8DE, Motif::Flower),
    f("Cedar", 0x6B4A32, Motif::Leaf),
    f("Magnolia", 0xD9A0C3, Motif::Flower),
    f("Sandalwood", 0x9B5F3C, Motif::Waves),
    f("Sea Minerals", 0x167A8B, Motif::Drop),
    f("Grapefruit", 0xEF6F6C, Motif::Citrus),
    f("Almond Milk", 0xCDB79E, Motif::Nut),
    f("Charcoal", 0x2E2E33, Motif::Prism),
];

pub(crate) static MEAT: &[Flavour] = &[
    f("Chicken", 0xE2A72E, Motif::Paw),
    f("Salmon", 0xF2836B, Motif::Fish),
    f("Beef", 0xA32A29, Motif::Paw),
    f("Lamb", 0x6E8B4E, Motif::Paw),
    f("Turkey", 0x7D4427, Motif::Paw),
    f("Duck", 0x2F7F79, Motif::Paw),
    f("Tuna", 0x2A6FAF, Motif::Fish),
    f("Rabbit", 0x9C7BB0, Motif::Paw),
    f("Venison", 0x4E2F26, Motif::Paw),
    f("Whitefish", 0x74A9C9, Motif::Fish),
];

pub(crate) static WELLNESS: &[Flavour] = &[
    f("Orange", 0xF57C00, Motif::Citrus),
    f("Lemon", 0xE7C81E, Motif::Citrus),
    f("Wild Berry", 0x6B2C6B, Motif::Berries),
    f("Cherry", 0x9B1B30, Motif::Fruit),
    f("Mint", 0x2BA88C, Motif::Leaf),
    f("Neutral", 0x7A8C99, Motif::Drop),
    f("Tropical", 0xF29F3D, Motif::Fruit),
    f("Night", 0x27306B, Motif::Star),
    f("Energy", 0xD7263D, Motif::Bolt),
    f("Focus", 0x1B998B, Motif::Prism),
    f("Immune", 0x8AB833, Motif::Leaf),
    f("Beauty", 0xD977A8, Motif::Flower),
];

pub(crate) static FINISH: &[Flavour] = &[
    f("Black", 0x1E1E20, Motif::Prism),
    f("White", 0xE4E4E2, Motif::Prism),
    f("Red", 0xC62828, Motif::Bolt),
    f("Blue", 0x1F5FBF, Motif::Waves),
    f("Green", 0x2E8B4A, Motif::Leaf),
    f("Yellow", 0xF3C515, Motif::Bolt),
    f("Graphite", 0x565B63, Motif::Prism),
    f("Silver", 0xA9AEB4, Motif::Star),
    f("Copper", 0xB4632D, Motif::Drop),
    f("Brown", 0x6B4226, Motif::Waves),
    f("Purple", 0x6F3FA0, Motif::Star),
    f("Teal", 0x0F8B8D, Motif::Waves),
    f("Pink", 0xE573A5, Motif::Flower),
    f("Transparent", 0x9CC5D8, Motif::Drop),
];
