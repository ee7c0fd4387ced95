using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Quarantines;

namespace Pipeline.Node.Verbs;

internal sealed class QuarantineRedriveVerb : Verb
{
    private readonly Argument<TableId> _table;

    public QuarantineRedriveVerb() : base("redrive",
        "Judge all rows of a table's quarantine again, by the contract as it is now. What breaks no rule any more enters the table, what its source has mended or removed since is settled; the rest stays. Safe beside a running pipeline, and again.") =>
        _table = Add(TableArgument.Create());

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = invocation.Load();
        var redriven = await RedriveQuarantine.RunAsync(new RedriveQuarantineRequest(parsed.GetRequiredValue(_table)), options.Graph, options.Transform, invocation.OpenLake(), invocation.Context.Time, cancellationToken);

        var listing = new Listing("table", "entered", "settled", "stay");
        listing.Add(redriven.Table.ToString(), redriven.Entered, redriven.Settled, redriven.Stay);
        invocation.Print(listing);
        return ExitCode.Done;
    }
}
