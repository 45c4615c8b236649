package kafkaclient

// MaxTopic is how many bytes the name of a topic may have.
const MaxTopic = 249

// ValidTopic reports whether brokers take the name of a topic.
// https://github.com/apache/kafka/blob/4.0/clients/src/main/java/org/apache/kafka/common/internals/Topic.java
func ValidTopic(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > MaxTopic {
		return false
	}
	for i := range len(name) {
		if !TopicByte(name[i]) {
			return false
		}
	}
	return true
}

// TopicByte reports whether a byte may stand in the name of a topic.
func TopicByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' ||
		c == '_' ||
		c == '-'
}
