namespace Pipeline.Demo.Data;

/// <summary>The words that generated rows are made of.</summary>
internal static class Vocabulary
{
    public static readonly string[] FirstNames =
        ["Ada", "Ben", "Chloé", "David", "Emma", "Farid", "Grace", "Hugo", "Inès", "Jonas", "Karla", "Liam", "Mia", "Noah", "Olga", "Paul", "Rosa", "Søren", "Tess", "Zoë"];

    public static readonly string[] LastNames =
        ["Andersen", "Becker", "Costa", "Dubois", "Evans", "Fischer", "García", "Hansen", "Ivanova", "Jones", "Kowalski", "Lopez", "Müller", "Novak", "O'Brien", "Petit", "Rossi", "Smith", "Tanaka", "Weber"];

    /// <summary>City, state (null where the country has none), country.</summary>
    public static readonly (string City, string? State, string Country)[] Places =
    [
        ("Berlin", null, "DE"), ("München", "BY", "DE"), ("Paris", null, "FR"), ("Lyon", null, "FR"), ("New York", "NY", "US"),
        ("Austin", "TX", "US"), ("Seattle", "WA", "US"), ("London", null, "GB"), ("Madrid", null, "ES"), ("São Paulo", "SP", "BR"),
    ];

    public static readonly string[] Streets = ["Main Street", "High Street", "Rue de la Paix", "Hauptstraße", "Via Roma", "Calle Mayor"];

    public static readonly string[] Categories = ["audio", "books", "garden", "kitchen", "office", "outdoor", "sports", "toys"];

    public static readonly string[] Brands = ["Acme", "Borealis", "Corvus", "Delphi", "Evergreen"];

    public static readonly string[] Things = ["Lamp", "Speaker", "Novel", "Shovel", "Kettle", "Stapler", "Tent", "Racket", "Puzzle", "Headset"];

    public static readonly string[] Colours = ["black", "blue", "green", "red", "white"];

    public static readonly string[] PaymentMethods = ["card", "paypal", "invoice", "transfer"];

    public static readonly (string Name, int PriceCents)[] Plans = [("basic", 499), ("plus", 999), ("pro", 2499)];

    public static readonly string[] Devices = ["desktop", "mobile", "tablet"];

    public static readonly string[] Pages = ["/", "/search", "/cart", "/account", "/help"];

    public static readonly string[] Services = ["checkout", "search", "catalog", "payments"];

    public static readonly (string Name, string Unit, int Max)[] Metrics =
        [("cpu.load", "ratio", 100), ("memory.used", "bytes", 1 << 30), ("http.latency", "ms", 900), ("queue.length", "count", 5_000)];
}
