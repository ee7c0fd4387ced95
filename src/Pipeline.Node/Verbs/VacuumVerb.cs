using System.CommandLine;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Tables;

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
        var request = new VacuumTablesRequest(parsed.GetValue(_tables), parsed.GetValue(_retention), parsed.GetValue(_dryRun));
        var lake = invocation.OpenLake();
        var vacuumed = await VacuumTables.RunAsync(request, lake, invocation.RemainsOf(lake), invocation.Context.Time, cancellationToken);

        var listing = new Listing("table", Column.Named(request.IsDryRun ? "files to delete" : "files deleted", "files"), "bytes", "unread by", "not kept for");
        foreach (var (table, result, unreadBy, dropped) in vacuumed.Tables) listing.Add(table.ToString(), result.Files, result.Bytes, Cell.List(unreadBy.Select(table => $"{table}")), Cell.List(dropped.Select(table => $"{table}")));
        invocation.Print(listing);
        invocation.Answer.Take("is_dry_run", request.IsDryRun);
        invocation.Answer.Take("artifacts", vacuumed.Artifacts);
        if (vacuumed.Artifacts is { Objects: > 0 } cleared)
            invocation.Context.Messages.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{(request.IsDryRun ? "Would delete" : "Deleted")} {Plural.Of(cleared.Objects, "artifact")} ({Plural.Of(cleared.Bytes, "byte")}) of {Plural.Of(cleared.Runs, "run", "that is", "that are")} over."));
        return invocation.Report(vacuumed.Failed);
    }
}
