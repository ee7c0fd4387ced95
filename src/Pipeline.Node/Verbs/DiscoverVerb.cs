using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pipeline.Node.Cli;
using Pipeline.Operations.Options;

namespace Pipeline.Node.Verbs;

/// <summary>Says what a source has, by the names that <c>sync</c> and <c>init</c> take.</summary>
internal sealed class DiscoverVerb : Verb
{
    private readonly Argument<string> _url;
    private readonly Option<string?> _password;

    public DiscoverVerb() : base("discover", "List the tables or topics that a source has.")
    {
        _url = Add(new Argument<string>("url") { HelpName = "URL", Description = SourceByUrl.UrlForm });
        _password = Add(SourceByUrl.PasswordOption());
    }

    protected override bool HasTargets => false;

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        using var source = SourceByUrl.Of(parsed.GetRequiredValue(_url), parsed.GetValue(_password), invocation.Context);
        using var logs = invocation.CreateLogs(LogLevel.Warning);
        var lake = Lakes.Open(new LakeOptions { Location = invocation.LakeLocation ?? SyncVerb.DefaultLake }, invocation.Context.Time);
        var listing = new Listing("name", "kind", "rows", Column.Named("detail", "what"));
        foreach (var table in await source.DiscoverAsync(logs, lake, cancellationToken)) listing.Add(table.Name, table.Kind, table.Rows, table.Detail);
        invocation.Print(listing);
        if (listing.Count == 0) invocation.Context.Messages.WriteLine("It has nothing that this user may see.");
        return ExitCode.Done;
    }
}
