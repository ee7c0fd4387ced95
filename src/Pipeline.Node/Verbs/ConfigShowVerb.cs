using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;
using Pipeline.Operations.Planning;

namespace Pipeline.Node.Verbs;

internal sealed class ConfigShowVerb : Verb
{
    private readonly Argument<string?> _under;
    private readonly Option<bool> _origin;

    public ConfigShowVerb() : base("show", "Every setting that is written, after includes and substitutions; of secrets that there is one.")
    {
        _under = Add(new Argument<string?>("SETTING") { Description = "Only this one, or those of this section, as pipeline.ingest.", Arity = ArgumentArity.ZeroOrOne, DefaultValueFactory = _ => null });
        _origin = Add(new Option<bool>("--origin") { Description = "Also the file and line that each is from." });
    }

    protected override bool HasTargets => false;

    protected override Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var shown = ShowConfiguration.Run(new ShowConfigurationRequest(invocation.ConfigPath, parsed.GetValue(_under)), SourceKinds.All, invocation.Context.Environment);
        var isOrigin = parsed.GetValue(_origin);
        var listing = isOrigin ? new Listing("setting", "text", "file", Column.Id("line")) : new Listing("setting", "text");
        foreach (var setting in shown.Settings)
            if (isOrigin) listing.Add(setting.Path, setting.Text, setting.Location.File, setting.Location.Line);
            else listing.Add(setting.Path, setting.Text);
        invocation.Print(listing);
        return Task.FromResult(ExitCode.Done);
    }
}
