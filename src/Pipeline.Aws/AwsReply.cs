using Pipeline.Core;

namespace Pipeline.Aws;

/// <summary>What is known of a call that may be carried out once only. A refusal is thrown: it was not carried out.</summary>
internal abstract record AwsReply<T>
{
    private AwsReply()
    {
    }

    public sealed record Answered(T Value) : AwsReply<T>;

    /// <summary>It was sent, and whether it was carried out is not known.</summary>
    public sealed record Unknown(PipelineException Cause) : AwsReply<T>;
}
