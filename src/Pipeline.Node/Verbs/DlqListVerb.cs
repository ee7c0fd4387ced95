using System.CommandLine;
using Pipeline.Core;
using Pipeline.DuckDb;
using Pipeline.Node.Cli;
using Pipeline.Operations.Inspection;

namespace Pipeline.Node.Verbs;

internal sealed class DlqListVerb : Verb
{
    private readonly Option<string?> _source;
    private readonly Option<TableId?> _table;

    public DlqListVerb() : base("list", "Count dead letters by table and code: how many, since when, how many were re-driven.")
    {
        _source = Add(new Option<string?>("--source") { Description = "Only this source's.", HelpName = "NAME" });
        _table = Add(TableArgument.CreateOption("--table", "Only those of this table: bronze/SOURCE/TABLE."));
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var lake = invocation.OpenLake();
        var table = parsed.GetValue(_table);
        if (table is not null) await LakeInventory.OpenAsync(lake, table, cancellationToken);
        using var query = new LakeQuery(cancellationToken);
        var letters = new DeadLetterQuery(lake, query, cancellationToken);
        var listing = new Listing("table", "code", "letters", "oldest", "newest", "redriven");
        foreach (var source in await letters.SourcesAsync(parsed.GetValue(_source) ?? table?.Source))
        {
            var where = table is null ? "" : $"WHERE _table = {Sql.Text(table.Name)} ";
            foreach (var row in await letters.RowsAsync(source, "_table, code, count(*), min(_ingested_at), max(_ingested_at), count(*) FILTER (_redriven)", where + "GROUP BY _table, code ORDER BY _table, code"))
                listing.Add(TableId.Bronze(source, (string)row[0]!).ToString(), row[1], row[2], Time(row[3]), Time(row[4]), row[5]);
        }

        if (listing.Count == 0) invocation.Context.Messages.WriteLine("There are no dead letters.");
        invocation.Print(listing);
        return ExitCode.Done;
    }

    private static DateTimeOffset? Time(object? value) => value is DateTime time ? new DateTimeOffset(DateTime.SpecifyKind(time, DateTimeKind.Utc)) : null;
}
