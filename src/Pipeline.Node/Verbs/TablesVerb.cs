using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Inspection;

namespace Pipeline.Node.Verbs;

internal sealed class TablesVerb() : Verb("tables", "List the lake's tables: version, rows, files, bytes, freshness.")
{
    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var lake = invocation.OpenLake();
        var now = invocation.Context.Time.GetUtcNow();
        var listing = new Listing("table", "version", "rows", "files", "bytes", "committed at", "age");
        await foreach (var id in LakeInventory.TablesAsync(lake, cancellationToken))
        {
            var table = await LakeInventory.OpenAsync(lake, id, cancellationToken);
            var snapshot = table.Current;
            listing.Add(id.ToString(), snapshot.Version, snapshot.RowCount, snapshot.FilesByPath.Count, snapshot.Files.Sum(file => file.Size),
                snapshot.CommittedAt, now - snapshot.CommittedAt);
        }

        if (listing.Count == 0) invocation.Context.Messages.WriteLine($"The lake {lake.Store.Location} has no tables yet.");
        invocation.Print(listing);
        return ExitCode.Done;
    }
}
