using System.Diagnostics;

namespace Pipeline.Node.Tests.Cli;

/// <summary>What a shell offers for a line that is not finished.</summary>
public sealed class CompletionVerbSpec
{
    [Fact]
    public async Task A_shell_completes_verbs_and_options_by_what_the_program_says()
    {
        var script = await NodeRun.OfAsync("completion", "bash");
        var asked = await NodeRun.OfAsync("[suggest:3]", "tab");
        var start = new ProcessStartInfo("bash", ["-c", $$"""
            {{script.Data}}
            answer() { printf '%s\n' "$1" "$2" >&2; printf 'tables\nshow\n'; }
            COMP_WORDS=(answer tab); COMP_CWORD=1; COMP_LINE='answer tab'; COMP_POINT=10
            exec 3>&2
            _pipeline
            printf '%s\n' "${COMPREPLY[@]}"
            """]) { UseShellExecute = false, RedirectStandardOutput = true };
        using var bash = Process.Start(start)!;
        var completed = await bash.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await bash.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal("tables\n", completed);
        Assert.Contains("tables", asked.Data.Split('\n'), StringComparer.Ordinal);
    }
}
