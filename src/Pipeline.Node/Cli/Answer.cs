using System.Text.Json.Nodes;

namespace Pipeline.Node.Cli;

/// <summary>
/// What a use of the command line answers a program with: one document on standard output however it ends, with lists, numbers, seconds and codes.
/// Text is in it only where a fault names its thing, its cause and the next step.
/// </summary>
/// <param name="verb">With its nouns, as it is typed.</param>
internal sealed class Answer(string verb)
{
    /// <summary>Of every document: raised when a name in one goes or means something else, not when one is added.</summary>
    public const int Version = 1;

    private readonly List<KeyValuePair<string, JsonNode?>> _facts = [];
    private readonly List<ToldError> _errors = [];
    private JsonArray? _rows;

    /// <summary>Whether others follow: then it is on a line of its own.</summary>
    public bool IsOneOfMany { get; set; }

    public void Take(Listing listing) => _rows = listing.ToJson();

    /// <summary>Something that is said once, beside the rows.</summary>
    public void Take(string name, object? value) => _facts.Add(KeyValuePair.Create(name, Listing.ToJson(value)));

    public void Take(ToldError error) => _errors.Add(error);

    public void Write(TextWriter to, int exitCode)
    {
        var document = new JsonObject { ["schema"] = $"pipeline {verb}".TrimEnd(), ["version"] = Version, ["exit_code"] = exitCode };
        foreach (var (name, value) in _facts) document[name] = value;
        if (_rows is not null) document["rows"] = _rows;
        document["errors"] = new JsonArray([.. _errors.Distinct().Select(error => Listing.ToJson(error))]);
        to.WriteLine(document.ToJsonString(IsOneOfMany ? Listing.OnOneLine : Listing.Json));
    }
}
