using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;
using Pipeline.Operations.Drafting;
using Pipeline.Operations.Options;
using Pipeline.Operations.Sources;
using Spectre.Console;

namespace Pipeline.Node.Verbs;

/// <summary>Lands one table without a configuration, and prints the one that keeps it fresh.</summary>
internal sealed class SyncVerb : Verb
{
    private const string PasswordVariable = "PIPELINE_PASSWORD";
    private const string DefaultLake = "lake";

    private readonly Argument<string> _url;
    private readonly Argument<string> _table;
    private readonly Option<string?> _password;

    public SyncVerb() : base("sync", "Land one table in Bronze and Silver once, without any file, and print the configuration that keeps it fresh.")
    {
        _url = Add(new Argument<string>("url") { HelpName = "URL", Description = "postgres://USER@HOST[:PORT]/DATABASE, kafka://HOST[:PORT][,…] or snowflake://USER@ACCOUNT/DATABASE. Encrypted, unless the host is this machine or ?tls=disable says so." });
        _table = Add(new Argument<string>("table") { HelpName = "TABLE", Description = "A table (public.orders, SCHEMA.TABLE) or a topic." });
        _password = Add(new Option<string?>("--password") { HelpName = "REFERENCE", Description = $"Where the password is: secret:file:PATH. Else it is that of {PasswordVariable}, or asked for at a terminal." });
        _password.Validators.Add(result =>
        {
            if (result.GetValue(_password) is { } given && !given.StartsWith("secret:", StringComparison.Ordinal))
                result.AddError($"--password takes a reference, secret:file:PATH: a password would stand in the list of processes. Set {PasswordVariable} instead.");
        });
    }

    protected override bool HasRows => false;

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var context = invocation.Context;
        var url = SourceUrl.Parse(parsed.GetRequiredValue(_url));
        var kinds = SourceKinds.All.OfType<ISourceOfUrl>().ToList();
        if (kinds.Find(one => one.Schemes.Contains(url.Scheme, StringComparer.Ordinal)) is not { } kind)
            throw new PipelineException(FaultKind.Invalid, url.Thing, $"'{url.Scheme}' is no kind of source that can be synced",
                $"Correct it{SettingsReader.Nearest(url.Scheme, kinds.SelectMany(one => one.Schemes))} Allowed: {string.Join(", ", kinds.Select(one => $"{one.Schemes[0]}://"))}.");

        var reference = parsed.GetValue(_password);
        var password = reference ?? PasswordOf(kind, url, context);
        ReadEnvironmentVariable environment = name => name == PasswordVariable ? password : context.Environment(name);
        var location = new LakeOptions { Location = invocation.LakeLocation ?? DefaultLake };
        var lake = Lakes.Open(location, context.Time);
        using var logs = invocation.CreateLogs(LogLevel.Warning);
        var services = new SourceServices(context.Time, logs, new LocalSecretStore(), new LakeOwner("pipeline", lake));
        var draft = await kind.DraftAsync(url with { Password = password is null ? null : new Secret(password) }, parsed.GetRequiredValue(_table), reference is null ? $"${{?{PasswordVariable}}}" : TableDraft.Quote(reference), services, cancellationToken);
        var text = DraftedConfiguration.Of(draft, lake.Store.LocalPath("") is { } directory ? Path.GetFullPath(directory) : location.Location);
        var standing = await new SyncRun(draft, text, lake, logs, context).RunAsync(environment, cancellationToken);
        if (standing is null) return ExitCode.Interrupted;
        foreach (var why in standing)
        {
            context.Messages.WriteLine(why);
            invocation.Answer.Take(new ToldError("standing", "sync", why, NextStep: null));
        }

        if (standing.Count > 0) return ExitCode.Failed;

        foreach (var note in draft.Notes) context.Messages.WriteLine(note);
        context.Messages.WriteLine($"What follows keeps it fresh. Save it as {draft.Source}.conf{(text.Contains(PasswordVariable, StringComparison.Ordinal) ? $", set {PasswordVariable}" : "")} and run: ./pipeline run --config {draft.Source}.conf");
        if (invocation.Format == OutputFormat.Json) invocation.Answer.Take("configuration", text);
        else context.Data.Write(text);
        return ExitCode.Done;
    }

    private static string? PasswordOf(ISourceOfUrl kind, SourceUrl url, NodeContext context)
    {
        if (url.Password is { } written)
        {
            context.Messages.WriteLine($"The URL has a password: it stands in the list of processes and in the shell's history. Set {PasswordVariable} instead. It is written nowhere.");
            return written.Reference;
        }

        if (!kind.NeedsPassword(url) || context.Environment(PasswordVariable) is { Length: > 0 }) return context.Environment(PasswordVariable);
        return context.IsTerminal ? context.MessagesConsole().Prompt(new TextPrompt<string>($"Password of {url.Username}:").Secret(mask: null).AllowEmpty())
            : throw new PipelineException(FaultKind.NotAuthorised, url.Thing, $"there is no password for {url.Username}", $"Set {PasswordVariable}, or give --password secret:file:PATH.");
    }
}
