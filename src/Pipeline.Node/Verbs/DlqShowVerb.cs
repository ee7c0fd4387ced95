using System.CommandLine;
using System.Globalization;
using Pipeline.Core;
using Pipeline.DuckDb;
using Pipeline.Node.Cli;
using Pipeline.Operations.Inspection;

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
        _selection = new LetterOptions(Add, Add);
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var lake = invocation.OpenLake();
        var (source, table) = await FindAsync(invocation, parsed.GetRequiredValue(_of), cancellationToken);
        using var query = new LakeQuery(cancellationToken);
        var letters = new DeadLetterQuery(lake, query, cancellationToken);
        var isJson = invocation.Format == OutputFormat.Json;
        var listing = new Listing("table", "split", "position", "code", "reason", "arrived at", "record at", "headers",
            isJson ? "key base64" : "key", isJson ? "value base64" : "value", "redriven");
        foreach (var name in await letters.SourcesAsync(source))
        {
            var rows = await letters.RowsAsync(name, $"""
                _table, _split, _position, code, reason, strftime(_ingested_at, '%Y-%m-%dT%H:%M:%S.%fZ'), strftime(record_timestamp, '%Y-%m-%dT%H:%M:%S.%fZ'),
                headers, to_base64(key), to_base64(value), _redriven
                """, $"{Where(parsed, table)} ORDER BY _table, _split, _position LIMIT {parsed.GetValue(_limit).ToString(CultureInfo.InvariantCulture)}");
            foreach (var row in rows)
                listing.Add([TableId.Bronze(name, (string)row[0]!).ToString(), .. row[1..8], isJson ? row[8] : Text(row[8]), isJson ? row[9] : Text(row[9]), row[10]]);
        }

        if (listing.Count == 0) invocation.Context.Messages.WriteLine("There are no such dead letters.");
        invocation.Print(listing);
        return ExitCode.Done;
    }

    /// <summary>The source, and the table's name within it when one is meant.</summary>
    private static async Task<(string Source, string? Table)> FindAsync(Invocation invocation, string of, CancellationToken cancellationToken)
    {
        if (!of.Contains('/', StringComparison.Ordinal)) return (of, null);
        try
        {
            var table = TableId.Parse(of);
            await LakeInventory.OpenAsync(invocation.OpenLake(), table, cancellationToken);
            if (table.Source is not null) return (table.Source, table.Name);
        }
        catch (FormatException)
        {
            // The same as a table of another layer: only Bronze has dead letters.
        }

        throw new PipelineException(FaultKind.Invalid, $"'{of}'", "only tables of Bronze have dead letters", "Name a source, or a table as bronze/SOURCE/TABLE.");
    }

    private string Where(ParseResult parsed, string? table)
    {
        var selection = _selection.Read(parsed);
        List<string> conditions = [];
        if (table is not null) conditions.Add($"_table = {Sql.Text(table)}");
        if (selection.Code is { } code) conditions.Add($"code = {Sql.Text(code)}");
        if (selection.Split is { } split) conditions.Add($"(_split = {Sql.Text(split)} OR ends_with(_split, {Sql.Text($"/{split}")}))");
        if (selection.Position is { } position) conditions.Add($"_position = {position.ToString(CultureInfo.InvariantCulture)}");
        return conditions.Count == 0 ? "" : $"WHERE {string.Join(" AND ", conditions)}";
    }

    private static string? Text(object? base64) => base64 is string text ? RawText.Of(Convert.FromBase64String(text), ShownBytesMax) : null;
}
