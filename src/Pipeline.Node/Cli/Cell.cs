using System.Text.Json.Nodes;

namespace Pipeline.Node.Cli;

/// <summary>A value of a listing that is something else to programs than to people.</summary>
/// <param name="Text">For people.</param>
/// <param name="Value">For programs.</param>
internal sealed record Cell(string? Text, JsonNode? Value)
{
    /// <summary>How it stands out where there are colours.</summary>
    public Tone Tone { get; init; }

    /// <summary>Whether it is aligned as numbers are.</summary>
    public bool IsNumber { get; init; }

    /// <summary>A word that is the same to people and programs.</summary>
    public static Cell Word(string word, Tone tone) => new(word, word) { Tone = tone };

    /// <summary>Several of a kind: a line with commas for people.</summary>
    public static Cell List(IEnumerable<string> items)
    {
        string[] all = [.. items];
        return new Cell(string.Join(", ", all), new JsonArray([.. all.Select(item => (JsonNode)item)]));
    }

    /// <summary>By their names: <c>name=value</c> with commas for people, in the names' order.</summary>
    public static Cell Pairs(IReadOnlyDictionary<string, string> pairs)
    {
        var sorted = pairs.OrderBy(pair => pair.Key, StringComparer.Ordinal).ToList();
        return new Cell(string.Join(", ", sorted.Select(pair => $"{pair.Key}={pair.Value}")), new JsonObject(sorted.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value))));
    }

    /// <summary>A word for people that is a code for programs.</summary>
    public static Cell Code(string word) => new(word, word.Replace(' ', '_'));

    /// <summary>Text that holds a document of JSON; what is none is given to programs as it is.</summary>
    public static Cell Json(string? text)
    {
        try
        {
            return new Cell(text, text is null ? null : JsonNode.Parse(text));
        }
        catch (System.Text.Json.JsonException)
        {
            return new Cell(text, text);
        }
    }
}
