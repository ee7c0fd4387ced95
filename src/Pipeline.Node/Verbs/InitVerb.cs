using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;
using Pipeline.Operations.Drafting;
using Pipeline.Operations.Options;
using Pipeline.Operations.Planning;
using Spectre.Console;

namespace Pipeline.Node.Verbs;

/// <summary>Writes the smallest configuration that runs, by what a source says of its tables.</summary>
internal sealed class InitVerb : Verb
{
    private readonly Option<string?> _source;
    private readonly Option<string[]> _names;
    private readonly Option<string?> _to;
    private readonly Option<string?> _password;

    public InitVerb() : base("init", "Write the smallest configuration that runs: one source, some of its tables, a Silver contract of each. Asks, or is told.")
    {
        _source = Add(new Option<string?>("--source") { HelpName = "URL", Description = SourceByUrl.UrlForm });
        _names = Add(new Option<string[]>("--table") { HelpName = "NAME", Description = "A table or topic, as discover lists it; may be given several times.", AllowMultipleArgumentsPerToken = true });
        _to = Add(new Option<string?>("--to") { HelpName = "FILE", Description = "Where it is written; else SOURCE.conf in this directory." });
        _password = Add(SourceByUrl.PasswordOption());
    }

    protected override bool HasRows => false;

    protected override bool HasTargets => false;

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var context = invocation.Context;
        var file = parsed.GetValue(_to);
        if (file is not null) RequireNew(file);
        using var source = SourceByUrl.Of(parsed.GetValue(_source) ?? AskForUrl(context), parsed.GetValue(_password), context);
        using var logs = invocation.CreateLogs(LogLevel.Warning);
        var location = new LakeOptions { Location = invocation.LakeLocation ?? SyncVerb.DefaultLake };
        var lake = Lakes.Open(location, context.Time);
        var names = parsed.GetValue(_names) is { Length: > 0 } named ? named : AskForTables(context, await source.DiscoverAsync(logs, lake, cancellationToken));
        var read = new List<TableDraft>();
        foreach (var name in names.Distinct(StringComparer.Ordinal)) read.Add(await source.DraftAsync(name, logs, lake, cancellationToken));
        // Nothing is written unless all can be.
        var drafts = DraftedConfiguration.Distinguished(read);
        file ??= $"{drafts[0].Source}.conf";
        RequireNew(file);
        var text = DraftedConfiguration.Of(drafts, DraftedConfiguration.LocationOf(lake, location.Location));
        var options = PipelineOptions.Load(Path.Combine(AppContext.BaseDirectory, "hocon", file), SourceKinds.All, lakeLocation: null, source.Environment, text);
        var check = await CheckPipeline.RunAsync(new CheckPipelineRequest(), options, source.ServicesOf(logs, lake), lake, cancellationToken);
        await WriteNewAsync(file, text, cancellationToken);
        foreach (var note in drafts.SelectMany(draft => draft.Notes).Distinct(StringComparer.Ordinal)) context.Messages.WriteLine(note);
        if (check.LakeFault is { } lakeFault) context.Messages.WriteLine(lakeFault.Message);
        foreach (var finding in check.Node.Concat(check.Findings).Where(finding => !finding.Ok))
        {
            context.Messages.WriteLine($"{finding.Thing}: {finding.Detail}. {finding.NextStep}");
            invocation.Answer.Take(new ToldError("finding", finding.Thing, finding.Detail, finding.NextStep));
        }

        context.Messages.WriteLine($"{file} has {Plural.Of(drafts.Count, "table")}. Next{(text.Contains(SourceByUrl.PasswordVariable, StringComparison.Ordinal) ? $", with {SourceByUrl.PasswordVariable} set" : "")}: ./pipeline check --config {file}, then ./pipeline run --config {file}");
        if (invocation.Format == OutputFormat.Json) invocation.Answer.Take("location", file);
        else context.Data.WriteLine(file);
        return check.IsSound ? ExitCode.Done : ExitCode.Failed;
    }

    private static string AskForUrl(NodeContext context) => context.IsTerminal ? context.MessagesConsole().Prompt(new TextPrompt<string>("Where is the source? (postgres://USER@HOST/DATABASE, kafka://HOST:PORT)"))
        : throw new PipelineException(FaultKind.Invalid, "init", "it is not told the source, and nobody can be asked", "Write --source URL, as postgres://reader@db.example/shop.");

    private static IReadOnlyList<string> AskForTables(NodeContext context, IReadOnlyList<DiscoveredTable> found)
    {
        if (found.Count == 0) throw new PipelineException(FaultKind.Missing, "init", "the source has nothing that this user may see", "Grant the right to see it, or name another database.");
        if (!context.IsTerminal)
            throw new PipelineException(FaultKind.Invalid, "init", $"it is not told which tables, and nobody can be asked: there are {string.Join(", ", found.Take(20).Select(table => table.Name))}{(found.Count > 20 ? " and others (./pipeline discover lists all)" : "")}",
                $"Write --table {found[0].Name}.");
        return context.MessagesConsole().Prompt(new MultiSelectionPrompt<DiscoveredTable>().Title("Which tables?").UseConverter(table => Markup.Escape($"{table.Name} ({table.Detail})")).AddChoices(found)).ConvertAll(table => table.Name);
    }

    private static void RequireNew(string file)
    {
        if (File.Exists(file)) throw Taken(file, inner: null);
    }

    private static async Task WriteNewAsync(string file, string text, CancellationToken cancellationToken)
    {
        try
        {
            await using var stream = new FileStream(file, FileMode.CreateNew, FileAccess.Write);
            await using var writer = new StreamWriter(stream);
            await writer.WriteAsync(text.AsMemory(), cancellationToken);
        }
        catch (IOException e) when (File.Exists(file))
        {
            throw Taken(file, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PipelineException(FaultKind.Invalid, $"File {file}", $"it cannot be written: {e.Message.TrimEnd('.')}", "Name another: --to FILE.", e);
        }
    }

    private static PipelineException Taken(string file, Exception? inner) => new(FaultKind.Invalid, $"File {file}", "it is there already, and may be somebody's", "Take it away, or name another: --to FILE.", inner);
}
