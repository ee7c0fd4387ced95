using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Verification;

namespace Pipeline.Node.Verbs;

internal sealed class VerifyVerb() : Verb("verify", "Prove from the lake that nothing was lost or doubled: files, positions, keys, and a fate for every row.")
{
    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var verified = await VerifyLake.RunAsync(new VerifyLakeRequest(), invocation.Load(), invocation.OpenLake(), cancellationToken);

        var listing = new Listing("thing", "ok", "detail", "next step");
        foreach (var (thing, ok, detail, nextStep) in verified.Checks.Select(VerificationText.Of)) listing.Add(thing, ok, detail, nextStep);
        invocation.Print(listing);
        return verified.IsSound ? ExitCode.Done : ExitCode.Failed;
    }
}
