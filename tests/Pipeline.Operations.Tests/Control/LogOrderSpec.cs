using Pipeline.Core;
using Pipeline.Operations.Control;
using Pipeline.Operations.Options;

namespace Pipeline.Operations.Tests.Control;

public sealed class LogOrderSpec
{
    [Theory]
    [InlineData("debug", LogDetail.Debug, null, 0)]
    [InlineData("warning 10m", LogDetail.Warning, null, 600)]
    [InlineData("debug Pipeline.Ingest", LogDetail.Debug, "Pipeline.Ingest", 0)]
    [InlineData("information /user/membership 90s", LogDetail.Information, "/user/membership", 90)]
    [InlineData("error Akka 7d", LogDetail.Error, "Akka", 604_800)]
    [InlineData("configured Pipeline", null, "Pipeline", 0)]
    public void What_is_written_is_read_and_reads_the_same_again(string text, LogDetail? level, string? logger, int seconds)
    {
        var order = LogOrder.Parse(text);

        Assert.Equal(new LogOrder(level, logger, seconds == 0 ? null : TimeSpan.FromSeconds(seconds)), order);
        Assert.Equal(order, LogOrder.Parse(order.ToString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("loud")]
    [InlineData("Debug")]
    [InlineData("debug 8d")]
    [InlineData("debug 0s")]
    [InlineData("debug -1s")]
    [InlineData("debug 10m Pipeline")]
    [InlineData("debug Pipelines.Ingest")]
    [InlineData("debug Microsoft.AspNetCore")]
    [InlineData("debug /temp")]
    [InlineData("debug Pipeline Akka")]
    public void What_cannot_be_read_is_told(string? text) => Assert.Equal(FaultKind.Invalid, Assert.Throws<PipelineException>(() => LogOrder.Parse(text)).Kind);
}
