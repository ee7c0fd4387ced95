using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;
using Pipeline.Operations.Drafting;
using Pipeline.Operations.Options;

namespace Pipeline.Node.Verbs;

/// <summary>Lands one table without a configuration, and prints the one that keeps it fresh.</summary>
internal sealed class SyncVerb : Verb
{
    public const string DefaultLake = "lake";

    private readonly Argument<string> _url;
    private readonly Argument<string> _table;
    private readonly Option<string?> _password;

    public SyncVerb() : base("sync", $"""
        Land one table in Bronze and Silver once, without any file, and print the configuration that keeps it fresh.

        {RowWords.Meanings}
        """)
    {
        _url = Add(new Argument<string>("url") { HelpName = "URL", Description = SourceByUrl.UrlForm });
        _table = Add(new Argument<string>("table") { HelpName = "TABLE", Description = "A table (public.orders, SCHEMA.TABLE) or a topic." });
        _password = Add(SourceByUrl.PasswordOption());
    }

    protected override bool HasRows => false;

    protected override bool HasTargets => false;

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var context = invocation.Context;
        using var source = SourceByUrl.Of(parsed.GetRequiredValue(_url), parsed.GetValue(_password), context);
        var location = new LakeOptions { Location = invocation.LakeLocation ?? DefaultLake };
        var lake = Lakes.Open(location, context.Time);
        using var logs = invocation.CreateLogs(LogLevel.Warning);
        var draft = await source.DraftAsync(parsed.GetRequiredValue(_table), logs, lake, cancellationToken);
        var text = DraftedConfiguration.Of([draft], DraftedConfiguration.LocationOf(lake, location.Location));
        var standing = await new SyncRun(draft, text, lake, logs, context).RunAsync(source.Environment, cancellationToken);
        if (standing is null) return ExitCode.Interrupted;
        foreach (var why in standing)
        {
            context.Messages.WriteLine(why);
            invocation.Answer.Take(new ToldError("standing", "sync", why, NextStep: null));
        }

        if (standing.Count > 0) return ExitCode.Failed;

        foreach (var note in draft.Notes) context.Messages.WriteLine(note);
        context.Messages.WriteLine($"What follows keeps it fresh. Save it as {draft.Source}.conf{(text.Contains(SourceByUrl.PasswordVariable, StringComparison.Ordinal) ? $", set {SourceByUrl.PasswordVariable}" : "")} and run: ./pipeline run --config {draft.Source}.conf");
        if (invocation.Format == OutputFormat.Json) invocation.Answer.Take("configuration", text);
        else context.Data.Write(text);
        return ExitCode.Done;
    }
}
