using System.CommandLine;
using Pipeline.Ingest.DeadLetters;

namespace Pipeline.Node.Cli;

/// <summary>The options of verbs about dead letters that say which of them are meant.</summary>
internal sealed class LetterOptions
{
    private readonly Option<string?> _code = new("--code") { Description = "Only those with this code, e.g. unknown_schema.", HelpName = "CODE" };

    private readonly Option<string?> _split = new("--split")
    {
        Description = "Only those of this split: all of its name or the end of it, such as the partition's number.",
        HelpName = "SPLIT",
    };

    private readonly Option<long?> _position = new("--position") { Description = "Only those at this position: a Kafka record's offset.", HelpName = "N" };

    private readonly Option<int?> _epoch = new("--epoch")
    {
        Description = "Only those of this epoch of the table: positions begin again with each, as when a topic is made anew. 0 is the first.",
        HelpName = "N",
    };

    public LetterOptions(Func<Option<string?>, Option<string?>> addText, Func<Option<long?>, Option<long?>> addNumber, Func<Option<int?>, Option<int?>> addCount)
    {
        addText(_code);
        addText(_split);
        addNumber(_position);
        addCount(_epoch);
    }

    public LetterSelection Read(ParseResult parsed) => new(parsed.GetValue(_code), parsed.GetValue(_split), parsed.GetValue(_position), parsed.GetValue(_epoch));
}
