using Pipeline.Node.Cli;

namespace Pipeline.Node.Tests.Cli;

public sealed class CommandLineSpec
{
    [Theory]
    [InlineData("shw", "There is no verb 'shw'. Did you mean 'show'?")]
    [InlineData("bananas", "There is no verb 'bananas'.")]
    public async Task A_wrong_verb_is_a_usage_error_with_the_nearest_right_one(string verb, string message)
    {
        var run = await NodeRun.OfAsync(verb);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Equal($"{message}\nSee 'pipeline --help'.\n", run.Messages);
        Assert.Empty(run.Data);
    }

    [Theory]
    [InlineData("show", "users")]
    [InlineData("show")]
    [InlineData("tables", "-o", "yaml")]
    [InlineData("history", "gold/dim_date", "--limit", "many")]
    [InlineData("tables", "--nonsense")]
    public async Task A_wrong_argument_is_a_usage_error_that_points_to_the_verbs_help(params string[] args)
    {
        var run = await NodeRun.OfAsync(args);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.EndsWith($"See 'pipeline {args[0]} --help'.\n", run.Messages);
        Assert.Empty(run.Data);
    }

    [Theory]
    [InlineData("leave --role out", "run", "--once", "--role", "ingest")]
    [InlineData("write --once", "run", "+fact_sales")]
    [InlineData(null, "run", "--role", "ingest", "transform")]
    [InlineData(null, "run", "--once", "+fact_sales")]
    [InlineData(null, "run")]
    public async Task What_a_run_may_be_told_depends_on_whether_it_ends(string? refusal, params string[] args)
    {
        var run = await NodeRun.OfAsync([.. args, "--config", "/nowhere/pipeline.conf"]);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains(refusal ?? "/nowhere/pipeline.conf:1: there is no such file", run.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_names_every_verb_and_the_exit_codes()
    {
        var run = await NodeRun.OfAsync("--help");

        Assert.Equal(ExitCode.Done, run.ExitCode);
        foreach (var verb in (string[])["demo", "run", "check", "pause", "drain", "resume", "restart", "trigger", "schedule", "control", "dlq", "plan", "tables", "show", "history", "verify", "compact", "vacuum", "source"])
            Assert.Matches($@"(?m)^  {verb}\b.*\w", run.Data);
        Assert.Contains("64 usage", run.Data);
    }

    [Fact]
    public async Task An_error_has_no_stack_trace()
    {
        var run = await NodeRun.OfAsync("check", "--config", "/nowhere/pipeline.conf");

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Equal("/nowhere/pipeline.conf:1: there is no such file. Correct the path, or have one written: ./pipeline init\n1 error in the configuration.\n", run.Messages);
    }
}
