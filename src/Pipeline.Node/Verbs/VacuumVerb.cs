using System.CommandLine;
using Pipeline.Core;
using Pipeline.Delta.Maintenance;
using Pipeline.Node.Cli;
using Pipeline.Operations.Inspection;
using Pipeline.Transform.Jobs;

namespace Pipeline.Node.Verbs;

internal sealed class VacuumVerb : Verb
{
    private readonly Argument<TableId[]> _tables;
    private readonly Option<bool> _dryRun;
    private readonly Option<TimeSpan?> _retention;

    public VacuumVerb() : base("vacuum", "Delete files that no version within the retention and no Silver table needs any more, and what killed writers left unfinished.")
    {
        _tables = Add(TableArgument.CreateMany());
        _dryRun = Add(new Option<bool>("--dry-run") { Description = "Only say what would be deleted." });
        _retention = Add(DurationOption.Create("--retention", "Keep what was needed within this time, instead of the table's own (7 days unless set)."));
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var lake = invocation.OpenLake();
        var isDryRun = parsed.GetValue(_dryRun);
        var silver = await LakeInventory.TablesAsync(lake, cancellationToken).Where(id => id.Layer == Layer.Silver).ToListAsync(cancellationToken);
        var pending = await PendingReads.FindAsync(new OpenTables(lake), silver, cancellationToken);
        var listing = new Listing("table", isDryRun ? "files to delete" : "files deleted", "bytes", "unread by");
        await foreach (var (id, table) in LakeInventory.OpenAsync(lake, parsed.GetValue(_tables), cancellationToken))
        {
            var reads = pending.GetValueOrDefault(id, PendingReads.None);
            var result = await Vacuum.RunAsync(table, new VacuumOptions(parsed.GetValue(_retention), isDryRun, reads.Versions, reads.ChangesAfter), cancellationToken);
            listing.Add(id.ToString(), result.Files, result.Bytes, string.Join(", ", reads.By));
        }

        invocation.Print(listing);
        return ExitCode.Done;
    }
}
