using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Inspection;

namespace Pipeline.Node.Verbs;

internal sealed class HistoryVerb : Verb
{
    private readonly Argument<TableId> _table;
    private readonly Option<int> _limit;

    public HistoryVerb() : base("history", "List a table's commits, newest first.")
    {
        _table = Add(TableArgument.Create());
        _limit = Add(new Option<int>("--limit") { Description = "At most so many commits.", HelpName = "N", DefaultValueFactory = _ => 20 });
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var table = await LakeInventory.OpenAsync(invocation.OpenLake(), parsed.GetRequiredValue(_table), cancellationToken);
        var listing = new Listing("version", "committed at", "operation", "parameters", "metrics");
        await foreach (var (version, info) in table.HistoryAsync(cancellationToken))
        {
            if (listing.Count == parsed.GetValue(_limit)) break;
            listing.Add(version, info?.Timestamp, info?.Operation, Pairs(info?.OperationParameters), Pairs(info?.OperationMetrics));
        }

        invocation.Print(listing);
        return ExitCode.Done;
    }

    private static string Pairs(IReadOnlyDictionary<string, string>? pairs) =>
        pairs is null ? "" : string.Join(", ", pairs.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}={pair.Value}"));
}
