using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Exports;

namespace Pipeline.Node.Verbs;

internal sealed class ExportJobsVerb : Verb
{
    private readonly Option<string> _to;

    public ExportJobsVerb() : base("export-jobs", "Write the runs of Silver and Gold tables as documents, with the files they read and the rows that came of them, to try engines anywhere. It copies rows of the lake, personal data included.") =>
        _to = Add(new Option<string>("--to") { Description = "An empty or new directory; it becomes readable by its owner alone.", HelpName = "DIR", Required = true });

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var request = new ExportJobsRequest(parsed.GetRequiredValue(_to));
        var exported = await ExportJobs.RunAsync(request, invocation.Load(), invocation.OpenLake(), invocation.Context.Time, cancellationToken);

        var listing = new Listing("table", "runs", "not kept", "redefined", "not over", "masked");
        foreach (var table in exported.Tables) listing.Add(table.Table.ToString(), table.Runs, table.NotKept, table.Redefined, table.NotOver, table.Masked);
        invocation.Print(listing);
        invocation.Context.Messages.WriteLine($"{request.To} holds rows of the lake, personal data included: give it to nobody who may not read the lake.");
        return invocation.Report(exported.Failed);
    }
}
