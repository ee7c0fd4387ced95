using Pipeline.Core;

namespace Pipeline.Aws;

/// <summary>What is known of a call that changes something. What is thrown instead was not carried out.</summary>
internal abstract record AwsReply<T>
{
    private AwsReply()
    {
    }

    public sealed record Answered(T Value) : AwsReply<T>;

    /// <summary>It was sent, once or more, and whether it was carried out is not known.</summary>
    public sealed record Unknown(PipelineException Cause) : AwsReply<T>;
}
