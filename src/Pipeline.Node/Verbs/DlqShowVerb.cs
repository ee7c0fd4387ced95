using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.DeadLetters;

namespace Pipeline.Node.Verbs;

internal sealed class DlqShowVerb : Verb
{
    /// <summary>Bytes of a key or value in a table for people; JSON has all of them.</summary>
    private const int ShownBytesMax = 1000;

    private readonly Argument<string> _of;
    private readonly Option<int> _limit;
    private readonly LetterOptions _selection;

    public DlqShowVerb() : base("show", "Print dead letters with their raw bytes, which may be personal data. JSON has the bytes as base64.")
    {
        _of = Add(new Argument<string>("SOURCE|TABLE") { Description = "A source, or one of its tables as bronze/SOURCE/TABLE." });
        _limit = Add(new Option<int>("--limit") { Description = "At most so many.", HelpName = "N", DefaultValueFactory = _ => 20 });
        _selection = new LetterOptions(Add, Add, Add);
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var (source, table) = Find(parsed.GetRequiredValue(_of));
        var request = new ShowDeadLettersRequest(source, table, _selection.Read(parsed), parsed.GetValue(_limit));
        var shown = await ShowDeadLetters.RunAsync(request, invocation.OpenLake(), cancellationToken);

        var isJson = invocation.Format != OutputFormat.Table;
        var listing = new Listing("table", "split", Column.Id("epoch"), Column.Id("position"), "code", "reason", "arrived at", "record at", "headers",
            isJson ? "key base64" : "key", isJson ? "value base64" : "value", "redriven");
        foreach (var letter in shown.Letters)
            listing.Add(letter.Table.ToString(), letter.Split.ToString(), letter.Epoch, letter.Position, letter.Code, letter.Reason, CellText.Of(letter.ArrivedAt),
                letter.RecordAt is { } time ? CellText.Of(time) : null, Cell.Json(letter.Headers), Bytes(letter.Key, isJson), Bytes(letter.Value, isJson), letter.IsRedriven);

        if (listing.Count == 0 && shown.Failed.Count == 0) invocation.Context.Messages.WriteLine("There are no such dead letters.");
        invocation.Print(listing);
        return invocation.Report(shown.Failed);
    }

    /// <summary>The source, and the table when one is meant.</summary>
    private static (string Source, TableId? Table) Find(string of)
    {
        if (!of.Contains('/', StringComparison.Ordinal)) return (of, null);
        try
        {
            var table = TableId.Parse(of);
            if (table.Source is not null) return (table.Source, table);
        }
        catch (FormatException)
        {
            // The same as a table of another layer: only Bronze has dead letters.
        }

        throw new PipelineException(FaultKind.Invalid, $"'{of}'", "only tables of Bronze have dead letters", "Name a source, or a table as bronze/SOURCE/TABLE.");
    }

    private static string? Bytes(byte[]? bytes, bool isJson)
    {
        if (bytes is null) return null;
        return isJson ? Convert.ToBase64String(bytes) : RawText.Of(bytes, ShownBytesMax);
    }
}
