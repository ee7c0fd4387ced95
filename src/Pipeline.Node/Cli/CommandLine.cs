using System.CommandLine;
using System.CommandLine.Parsing;
using Pipeline.Configuration;
using Pipeline.Node.Verbs;

namespace Pipeline.Node.Cli;

/// <summary>The command line as a whole: verbs, what they share, and how errors leave the process.</summary>
internal static class CommandLine
{
    /// <param name="others">Verbs of the program that is not the node itself; they come first.</param>
    public static async Task<int> RunAsync(string[] args, NodeContext context, params IReadOnlyList<Verb> others)
    {
        var root = Build(context, others);
        var result = root.Parse(args);
        if (result.Errors.Count > 0)
        {
            if (result.CommandResult.Command == root && args is [var wrong, ..] && !wrong.StartsWith('-'))
                context.Messages.WriteLine($"There is no verb '{wrong}'{SettingsReader.Nearest(wrong, root.Subcommands.Select(verb => verb.Name))}");
            else
                foreach (var error in result.Errors) context.Messages.WriteLine(error.Message);
            context.Messages.WriteLine($"See '{PathOf(result.CommandResult)} --help'.");
            if (IsForPrograms(args)) AnswerUsage(context, result);
            return ExitCode.Usage;
        }

        // Signals are Interruption's, and errors are Faults'.
        var configuration = new InvocationConfiguration
        {
            Output = context.Data,
            Error = context.Messages,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        };
        return await result.InvokeAsync(configuration, context.Interruption?.Token ?? CancellationToken.None);
    }

    public static RootCommand Build(NodeContext context, params IReadOnlyList<Verb> others)
    {
        var root = new RootCommand("""
            Lands every record of its sources in a Bronze data lake exactly once, and keeps Silver and Gold tables correct and fresh.

            Data goes to standard output, messages to standard error. Exit codes: 0 done, 1 failed, 2 plan has changes,
            3 quality or freshness breached, 4 cannot connect, 5 not authorised, 64 usage, 130 interrupted.
            """);
        foreach (var verb in (IEnumerable<Verb>)
            [
                .. others, new RunVerb(), new SyncVerb(), new DiscoverVerb(), new InitVerb(), new CheckVerb(), new PlanVerb(), new TestModelsVerb(), new PreviewVerb(), new CompileVerb(), new StatusVerb(), new WatchVerb(), new WhyVerb(), new EventsVerb(), new TablesVerb(), new ShowVerb(), new ExplainRowVerb(), new HistoryVerb(), new KpiVerb(), new VerifyVerb(), new PauseVerb(), new DrainVerb(), new ResumeVerb(), new RestartVerb(), new TriggerVerb(), new BackfillVerb(), new ScheduleVerb(), new RebuildVerb(), new LogLevelVerb(),
                new CompactVerb(), new VacuumVerb(), new BackupVerb(), new RestoreVerb(), new ExportJobsVerb(), new AskVerb(), new CompletionVerb(),
            ])
            root.Add(verb.ToCommand(context));
        root.Add(Group("dlq", "Dead letters: records that could not be decoded.", context, new DlqListVerb(), new DlqShowVerb(), new DlqRedriveVerb()));
        root.Add(Group("quarantine", "Rows that break a rule of their contract.", context, new QuarantineListVerb(), new QuarantineShowVerb(), new QuarantineRedriveVerb()));
        root.Add(Group("control", "What operators want: what holds, what is done once, who said so and why.", context, new ControlShowVerb(), new ControlApplyVerb()));
        root.Add(Group("cluster", "The nodes of a running pipeline.", context, new ClusterShowVerb(), new ClusterLeaveVerb(), new ClusterDownVerb()));
        root.Add(Group("shards", "Who works on what.", context, new ShardsShowVerb()));
        root.Add(Group("jobs", "Runs of Silver and Gold tables.", context, new JobsListVerb(), new JobsShowVerb(), new JobsCancelVerb()));
        root.Add(Group("config", "What the configuration says.", context, new ConfigShowVerb(), new ConfigDiffVerb()));
        root.Add(Group("source", "The configured sources, and what they have made on their servers.", context, new SourceListVerb(), new SourceRemoveVerb()));
        root.Add(Group("token", "Tokens by which operators ask nodes over the network.", context, new TokenListVerb(), new TokenIssueVerb(), new TokenRotateVerb(), new TokenRevokeVerb()));
        root.Add(Group("metrics", "What is measured, and what it costs.", context, new MetricsListVerb(), new MetricsEstimateVerb()));
        root.Add(Group("dashboard", "The pipeline's dashboard in CloudWatch.", context, new DashboardShowVerb(), new DashboardPutVerb()));
        root.Add(Group("alarms", "The pipeline's alarms in CloudWatch, and the same as rules for Prometheus.", context, new AlarmsShowVerb(), new AlarmsPutVerb()));
        return root;
    }

    private static Command Group(string noun, string description, NodeContext context, params ReadOnlySpan<Verb> verbs)
    {
        var group = new Command(noun, description);
        foreach (var verb in verbs) group.Add(verb.ToCommand(context));
        return group;
    }

    private static string PathOf(CommandResult result) => $"pipeline {VerbName.Of(result)}".TrimEnd();

    /// <summary>Nothing was parsed: what is there is looked at as it was typed.</summary>
    private static bool IsForPrograms(string[] args) =>
        args.Zip(args.Skip(1)).Any(pair => pair is ("-o" or "--output", "json")) || args.Any(arg => arg is "-o=json" or "--output=json" or "-o:json" or "--output:json" or "-ojson");

    private static void AnswerUsage(NodeContext context, ParseResult result)
    {
        var answer = new Answer(VerbName.Of(result.CommandResult));
        foreach (var error in result.Errors) answer.Take(new ToldError("usage", PathOf(result.CommandResult), error.Message.TrimEnd('.'), $"See '{PathOf(result.CommandResult)} --help'."));
        answer.Write(context.Data, ExitCode.Usage);
    }
}
