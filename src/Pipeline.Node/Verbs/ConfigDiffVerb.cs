using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;
using Pipeline.Operations.Planning;

namespace Pipeline.Node.Verbs;

internal sealed class ConfigDiffVerb : Verb
{
    private readonly Argument<string> _other;

    public ConfigDiffVerb() : base("diff", "What another configuration says otherwise, after includes and substitutions; exit code 2 when there is something. Of two secrets it is not said whether they differ.") =>
        _other = Add(new Argument<string>("FILE") { Description = "The other configuration file." });

    protected override bool HasTargets => false;

    protected override Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var (here, there) = (Of(invocation.ConfigPath), Of(parsed.GetRequiredValue(_other)));
        var listing = new Listing("setting", "here", "there");
        foreach (var path in here.Keys.Union(there.Keys, StringComparer.Ordinal).Order(StringComparer.Ordinal))
            if (here.GetValueOrDefault(path) != there.GetValueOrDefault(path)) listing.Add(path, here.GetValueOrDefault(path), there.GetValueOrDefault(path));
        invocation.Print(listing);
        return Task.FromResult(listing.Count == 0 ? ExitCode.Done : ExitCode.PlanHasChanges);

        Dictionary<string, string> Of(string file) => ShowConfiguration.Run(new ShowConfigurationRequest(file, Under: null), SourceKinds.All, invocation.Context.Environment)
            .Settings.ToDictionary(setting => setting.Path, setting => setting.Text, StringComparer.Ordinal);
    }
}
