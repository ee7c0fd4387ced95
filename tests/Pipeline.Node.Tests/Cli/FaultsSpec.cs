using System.Net.Sockets;
using Pipeline.Core;
using Pipeline.Configuration;
using Pipeline.Node.Cli;

namespace Pipeline.Node.Tests.Cli;

public sealed class FaultsSpec
{
    [Theory]
    [InlineData(FaultKind.Unreachable, ExitCode.CannotConnect)]
    [InlineData(FaultKind.NotAuthorised, ExitCode.NotAuthorised)]
    [InlineData(FaultKind.Missing, ExitCode.Failed)]
    [InlineData(FaultKind.Gap, ExitCode.Failed)]
    [InlineData(FaultKind.StorageFull, ExitCode.Failed)]
    public void A_fault_is_one_sentence_with_its_exit_code(FaultKind kind, int exitCode)
    {
        var (code, messages) = Report(new PipelineException(kind, "Source app", "it is broken", "Mend it.", new InvalidOperationException("inner")));

        Assert.Equal(exitCode, code);
        Assert.Equal("Source app: it is broken. Mend it.\n", messages);
    }

    [Fact]
    public void Wrong_settings_are_a_usage_error_a_line_each()
    {
        var problem = new ConfigProblem(new SourceLocation("a.conf", 3), "b.c", "is wrong");

        var (code, messages) = Report(new ConfigurationException([problem, problem with { Path = "b.d" }]));

        Assert.Equal(ExitCode.Usage, code);
        Assert.Equal("a.conf:3: b.c: is wrong\na.conf:3: b.d: is wrong\n2 errors in the configuration.\n", messages);
    }

    [Fact]
    public void An_error_that_should_not_happen_shows_where_it_comes_from_only_when_asked()
    {
        var (code, brief) = Report(new InvalidOperationException("Oops"));
        var (_, full) = Report(new InvalidOperationException("Oops"), isVerbose: true);

        Assert.Equal(ExitCode.Failed, code);
        Assert.Equal("pipeline: an error that should not happen: Oops (InvalidOperationException). Run the command again with --verbose to see where.\n", brief);
        Assert.StartsWith("System.InvalidOperationException: Oops", full);
    }

    public static TheoryData<Exception, int> Outside => new()
    {
        { new TimeoutException("too slow"), ExitCode.CannotConnect },
        { new SocketException((int)SocketError.ConnectionRefused), ExitCode.CannotConnect },
        { new HttpRequestException("no such host"), ExitCode.CannotConnect },
        { new IOException("reset", new SocketException((int)SocketError.ConnectionReset)), ExitCode.CannotConnect },
        { new AggregateException(new PipelineException(FaultKind.NotAuthorised, "Source app", "it is refused", "Ask.")), ExitCode.NotAuthorised },
    };

    [Theory, MemberData(nameof(Outside))]
    public void What_happens_outside_is_no_error_that_should_not_happen(Exception error, int exitCode)
    {
        var (code, messages) = Report(error);

        Assert.Equal(exitCode, code);
        Assert.DoesNotContain("should not happen", messages);
    }

    private static (int Code, string Messages) Report(Exception error, bool isVerbose = false)
    {
        using var messages = new StringWriter();
        var code = Faults.Report(new NodeContext(TextWriter.Null, messages, _ => null, TimeProvider.System, Interruption: null), error, isVerbose);
        return (code, messages.ToString());
    }
}
