namespace Pipeline.Core.Tests.Faults;

public sealed class FaultSpec
{
    private const string Thing = "Table bronze/app/users";

    public static TheoryData<Exception> Defects =>
    [
        new InvalidOperationException("Sequence contains no elements"), new NullReferenceException(), new IOException("Broken pipe"),
        new OperationCanceledException(), new AggregateException(new KeyNotFoundException("k"), new IOException()), new NotSupportedException(),
    ];

    [Theory, MemberData(nameof(Defects))]
    public void An_error_that_nobody_has_put_into_words_is_a_defect_and_never_blamed_on_a_dependency(Exception exception)
    {
        var fault = Fault.Of(Thing, exception);

        Assert.Equal(FaultKind.Defect, fault.Kind);
        Assert.False(fault.IsTransient);
        Assert.True(fault.IsTriedAgain);
        Assert.Contains(exception.GetType().Name, fault.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_time_out_of_a_library_is_a_dependency_that_does_not_answer()
    {
        // As HttpClient says it.
        var fault = Fault.Of(Thing, new TaskCanceledException("The request was canceled due to the configured HttpClient.Timeout of 1 seconds elapsing.", new TimeoutException()));

        Assert.Equal(FaultKind.Unreachable, fault.Kind);
    }

    [Theory]
    [InlineData(28)]
    [InlineData(30)]
    [InlineData(122)]
    public void A_full_or_read_only_disk_is_one_wherever_it_was_written_to(int errno)
    {
        var fault = Fault.Of(Thing, new IOException("'/spill/files/part-00000' cannot be written", errno));

        Assert.Equal(FaultKind.StorageFull, fault.Kind);
        Assert.True(fault.IsTransient);
    }

    [Fact]
    public void A_connection_that_fails_is_one_of_whatever_library()
    {
        Exception[] failures = [new HttpRequestException("Refused"), new System.Net.Sockets.SocketException(111), new IOException("Broken", new System.Net.Sockets.SocketException(104))];

        Assert.All(failures, failure => Assert.Equal(FaultKind.Unreachable, Fault.Of(Thing, failure).Kind));
    }

    [Fact]
    public void An_error_in_our_words_keeps_them()
    {
        var said = new PipelineException(FaultKind.Gap, "Partition 3", "records are gone", "Accept it.") { Split = new SplitId("events", "e/3"), Dependency = "Source events" };

        Assert.Equal(new Fault(FaultKind.Gap, "Partition 3", "records are gone", "Accept it.", new SplitId("events", "e/3"), "Source events") { AwaitsWord = true }, Fault.Of(Thing, new AggregateException(said)));
    }

    [Fact]
    public void Every_fault_names_a_thing_a_cause_and_a_next_step_in_one_line()
    {
        foreach (var exception in Defects.Select(row => row.Data).Append(new TimeoutException("late\nvery late.")).Append(new OutOfMemoryException()))
        {
            var fault = Fault.Of(Thing, exception);

            Assert.StartsWith($"{Thing}: ", fault.ToString(), StringComparison.Ordinal);
            Assert.False(string.IsNullOrWhiteSpace(fault.Cause));
            Assert.EndsWith(".", fault.NextStep, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', fault.ToString());
        }
    }

    [Fact]
    public void Only_what_is_away_or_full_is_transient()
    {
        var transient = Enum.GetValues<FaultKind>().Where(FaultKinds.IsTransient);

        Assert.Equal([FaultKind.Unreachable, FaultKind.StorageFull], transient);
    }
}
