using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Verification;

namespace Pipeline.Node.Verbs;

internal sealed class VerifyVerb() : Verb("verify", "Prove from the lake that nothing was lost or doubled: files, positions, keys, and a fate for every row.")
{
    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = invocation.Load();
        var listing = new Listing("thing", "ok", "detail", "next step");
        var isSound = true;
        await foreach (var finding in LakeVerifier.Of(options, invocation.OpenLake()).VerifyAsync(cancellationToken))
        {
            listing.Add(finding.Thing, finding.Ok, finding.Detail, finding.NextStep);
            isSound &= finding.Ok;
        }

        invocation.Print(listing);
        return isSound ? ExitCode.Done : ExitCode.Failed;
    }
}
