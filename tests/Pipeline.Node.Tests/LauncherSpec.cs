using System.Diagnostics;
using System.Reflection;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>
/// The launcher's test run, in a small tree of its own: this project with its real sources and its real runner, and one beside
/// it that is made up. What would be built is noted instead.
/// </summary>
public sealed class LauncherSpec : IDisposable
{
    private readonly ScratchDirectory _root = new("pipeline-launcher-");

    public LauncherSpec()
    {
        foreach (var directory in (string[])["src", "hocon", "tools", "tests/Other.Tests"]) Directory.CreateDirectory(Path.Combine(_root, directory));
        foreach (var file in (string[])["Directory.Build.props", "Directory.Packages.props", "Pipeline.sln", "global.json", ".editorconfig", "BannedSymbols.txt"]) Write(file, "");
        File.Copy(Path.Combine(Repository.Root, "pipeline"), Path.Combine(_root, "pipeline"));
        var project = Path.Combine(Repository.Root, "tests/Pipeline.Node.Tests");
        foreach (var source in Directory.EnumerateFiles(project, "*.cs", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(project, path)).Where(path => !path.StartsWith("obj/", StringComparison.Ordinal)))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(_root, "tests/Pipeline.Node.Tests", source))!);
            File.Copy(Path.Combine(project, source), Path.Combine(_root, "tests/Pipeline.Node.Tests", source));
        }

        File.CreateSymbolicLink(Path.Combine(_root, "tests/Pipeline.Node.Tests/bin"), Path.Combine(project, "bin"));
        Write("tests/Other.Tests/Other.Tests.csproj", "");
        Write("tests/Other.Tests/OtherSpec.cs", """
            namespace Other.Tests;

            public sealed class OtherSpec
            {
                [Fact]
                public void Fails_always()
                {
                }
            }
            """);
        Write("tests/Other.Tests/EndlessSpec.cs", """
            namespace Other.Tests;

            public sealed class EndlessSpec
            {
                [Fact]
                public void Waits()
                {
                }
            }
            """);
        Tool("initdb", "");
        // The second that a project has begins when it runs, however long the machine takes until then.
        Tool("sleep", $$"""
            while [ "$1" = 1 ] && [ ! -e "{{_root}}/endless" ]; do env PATH="${PATH#*:}" sleep 0.05; done
            exec env PATH="${PATH#*:}" sleep "$@"
            """);
        Tool("dotnet", $$"""
            case "$*" in
              --list-sdks) echo "10.0.100 [/usr/share/dotnet/sdk]" ;;
              build*)
                cat "$2" >>"{{_root}}/built"
                mkdir -p "{{_root}}/tests/Other.Tests/bin/Release/net10.0/any"
                touch "{{_root}}/tests/Other.Tests/bin/Release/net10.0/any/Other.Tests.dll" ;;
              *Pipeline.Benchmarks.dll*) exit 3 ;;
              *Other.Tests.dll*EndlessSpec*)
                echo "    [Long Running Test] 'Other.Tests.EndlessSpec.Waits'"
                touch "{{_root}}/endless"
                exec sleep 3600 ;;
              *Other.Tests.dll*)
                echo "Other.Tests" >>"{{_root}}/started"
                echo "    Other.Tests.WellSpec.Passes [PASS]"
                echo "      Output:"
                echo "        what it says"
                echo "    Other.Tests.OtherSpec.Fails_always [FAIL]"
                echo "      it is not as it should be"
                echo "      Stack Trace:"
                echo "        tests/Other.Tests/OtherSpec.cs(6,0): at Other.Tests.OtherSpec.Fails_always()"
                echo "    Other.Tests.WellSpec.Passes_too [PASS]"
                echo "   Other.Tests  Total: 1, Errors: 0, Failed: 1, Skipped: 0, Not Run: 0, Time: 0.001s"
                exit 1 ;;
              *)
                echo "Pipeline.Node.Tests" >>"{{_root}}/started"
                shift
                exec env PATH="${PATH#*:}" dotnet "{{typeof(LauncherSpec).Assembly.Location}}" "$@" ;;
            esac
            """);
    }

    [Fact]
    public async Task Builds_and_starts_only_the_projects_that_hold_a_match()
    {
        var run = await RunAsync("test", "launcherspec.A_test_is_told");

        Assert.Equal(0, run.Code);
        Assert.Contains(@"tests\\Pipeline.Node.Tests\\Pipeline.Node.Tests.csproj", Noted("built"), StringComparison.Ordinal);
        Assert.DoesNotContain("Other.Tests", Noted("built"), StringComparison.Ordinal);
        Assert.Equal("Pipeline.Node.Tests\n", Noted("started"));
        Assert.Contains("this run was asked for 'launcherspec.A_test_is_told'", run.Lines);
    }

    [Fact]
    public async Task Names_the_slowest_tests_before_a_last_line_that_only_counts()
    {
        var run = await RunAsync("test", "LauncherSpec.A_test_is_told");

        var title = Array.IndexOf(run.Lines, "The slowest tests, in seconds:");
        Assert.Matches(@"^ +[0-9.]+  Pipeline\.Node\.Tests\.LauncherSpec\.A_test_is_told_what_the_run_was_asked_for$", run.Lines[title + 1]);
        Assert.Equal(["1 passed, 0 failed"], run.Lines[(title + 2)..]);
    }

    [Fact]
    public async Task A_failed_test_is_counted_and_is_the_exit_code()
    {
        var run = await RunAsync("test", "OtherSpec");

        Assert.Equal(1, run.Code);
        Assert.Equal("0 passed, 1 failed", run.Lines[^1]);
        Assert.Equal("Other.Tests\n", Noted("started"));
    }

    [Fact]
    public async Task What_failed_is_said_once_more_at_the_end()
    {
        var run = await RunAsync("test", "OtherSpec");

        Assert.Equal(["What failed of Other.Tests:", "    Other.Tests.OtherSpec.Fails_always [FAIL]", "      it is not as it should be", "0 passed, 1 failed"], run.Lines[^4..]);
        Assert.Contains("      Stack Trace:", run.Lines);
    }

    [Fact]
    public async Task A_project_that_does_not_end_is_killed_and_has_failed_with_the_name_of_what_hung()
    {
        var run = await RunAsync(["test", "EndlessSpec"], ("PIPELINE_TEST_SECONDS", "1"));

        Assert.Equal(1, run.Code);
        Assert.Equal("0 passed, 1 failed", run.Lines[^1]);
        Assert.Contains("    [Long Running Test] 'Other.Tests.EndlessSpec.Waits'", run.Lines);
        Assert.Contains("Other.Tests did not end within 1 s and was killed. What ran too long is named above.", run.Lines[Array.IndexOf(run.Lines, "What failed of Other.Tests:")..]);
    }

    [Fact]
    public async Task A_filter_that_matches_nothing_builds_nothing_and_fails()
    {
        var run = await RunAsync("test", "LauncherSpec.Nobody" + "_wrote_this");

        Assert.Equal(1, run.Code);
        Assert.Equal("0 passed, 0 failed", run.Lines[^1]);
        Assert.Equal("", Noted("built"));
    }

    [Fact]
    public async Task A_benchmark_that_missed_its_goal_is_the_exit_code()
    {
        var run = await RunAsync("bench", "delta");

        Assert.Equal(3, run.Code);
        Assert.DoesNotContain("Tests", Noted("built"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_test_of_this_project_is_found_in_the_sources()
    {
        var run = await RunAsync("test", "--list", "Pipeline.Node.Tests.");

        var tests = typeof(LauncherSpec).Assembly.GetTypes().Where(type => !type.IsAbstract)
            .SelectMany(type => type.GetMethods().Where(method => method.GetCustomAttributes().Any(attribute => attribute is FactAttribute)).Select(method => $"{type.FullName}.{method.Name}"));
        Assert.Equal(tests.Order(StringComparer.Ordinal), run.Lines.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task An_inherited_test_is_found_under_the_name_of_the_class_that_inherits()
    {
        var run = await RunInAsync(Repository.Root, "test", "--list", "KafkaSourceContractSpec.");

        var contract = typeof(SourceContract).GetMethods().Where(method => method.GetCustomAttributes().Any(attribute => attribute is FactAttribute)).Select(method => method.Name);
        Assert.Superset(contract.ToHashSet(StringComparer.Ordinal), run.Lines.Select(line => line.Split('.')[^1]).ToHashSet(StringComparer.Ordinal));
    }

    /// <summary>A test of its own, and what the others here run: it is quick, and says what a test can know.</summary>
    [Fact]
    public void A_test_is_told_what_the_run_was_asked_for()
    {
        var filter = Environment.GetEnvironmentVariable("PIPELINE_TEST_FILTER") ?? "";

        TestContext.Current.TestOutputHelper!.WriteLine($"this run was asked for '{filter}'");
        Assert.Contains(filter, $"{typeof(LauncherSpec).FullName}.{nameof(A_test_is_told_what_the_run_was_asked_for)}", StringComparison.OrdinalIgnoreCase);
    }

    public void Dispose() => _root.Dispose();

    private string Noted(string file) => File.Exists(Path.Combine(_root, file)) ? File.ReadAllText(Path.Combine(_root, file)) : "";

    private void Write(string file, string text) => File.WriteAllText(Path.Combine(_root, file), text);

    private void Tool(string name, string script)
    {
        if (OperatingSystem.IsWindows()) throw new PlatformNotSupportedException("The launcher is a shell script.");
        Write($"tools/{name}", $"#!/bin/sh\n{script}\n");
        File.SetUnixFileMode(Path.Combine(_root, "tools", name), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private Task<(int Code, string[] Lines)> RunAsync(params string[] args) => RunAsync(args, environment: []);

    private Task<(int Code, string[] Lines)> RunAsync(string[] args, params (string Name, string Value)[] environment) => RunInAsync(_root, args, environment);

    private Task<(int Code, string[] Lines)> RunInAsync(string root, params string[] args) => RunInAsync(root, args, environment: []);

    private async Task<(int Code, string[] Lines)> RunInAsync(string root, string[] args, (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(Path.Combine(root, "pipeline"), args) { UseShellExecute = false, RedirectStandardOutput = true };
        start.Environment["PATH"] = $"{Path.Combine(_root, "tools")}:{start.Environment["PATH"]}";
        // What limits this run is not what limits the one that it starts.
        start.Environment.Remove("PIPELINE_NIGHTLY");
        foreach (var (name, value) in environment) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, output.TrimEnd('\n').Split('\n'));
    }
}
