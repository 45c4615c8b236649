import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.DynamicMessage;
import io.apicurio.registry.serde.avro.AvroKafkaSerializer;
import io.apicurio.registry.serde.jsonschema.JsonSchemaKafkaSerializer;
import io.apicurio.registry.serde.protobuf.ProtobufKafkaSerializer;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Serializer;

/**
 * Prints what Apicurio's serializers write as a producer calls them, once they have registered the schema: a line of
 * type, frame, value and headers, the last two in hex. Usage: Frames URL DIRECTORY, with event.desc and event.hex in it.
 */
public class Frames {
	static final String P = "apicurio.registry.";
	static final String[] CONTENT = {P + "use-id", "contentId"};

	public static void main(String[] args) throws Exception {
		all("apicurio_headers", args); // the preset
		all("apicurio_headers", args, CONTENT);
		all("apicurio_global", args, P + "headers.enabled", "false");
		all("apicurio", args, CONTENT[0], CONTENT[1], P + "headers.enabled", "false",
				P + "id-handler", "io.apicurio.registry.serde.Legacy4ByteIdHandler");
	}

	static void all(String frame, String[] args, String... settings) throws Exception {
		Map<String, Object> conf = new HashMap<>(Map.of(P + "url", args[0], P + "auto-register", "true",
				P + "auto-register.if-exists", "RETURN_OR_UPDATE", P + "artifact.schema.location", "schema.json"));
		for (int i = 0; i < settings.length; i += 2) conf.put(settings[i], settings[i + 1]);
		write("json", frame, conf, new JsonSchemaKafkaSerializer<Object>(), new ObjectMapper().readTree("{\"n\":1,\"s\":\"x\"}"));
		conf.remove(P + "artifact.schema.location");
		write("avro", frame, conf, new AvroKafkaSerializer<GenericRecord>(), order());
		write("protobuf", frame, conf, new ProtobufKafkaSerializer<DynamicMessage>(), event(Path.of(args[1])));
	}

	static <T> void write(String type, String frame, Map<String, Object> conf, Serializer<T> serializer, T value) {
		serializer.configure(conf, false);
		var headers = new RecordHeaders();
		var line = new StringBuilder(type + "\t" + frame + "\t");
		line.append(HexFormat.of().formatHex(serializer.serialize(type, headers, value)));
		for (var h : headers) line.append("\t" + h.key() + "=" + HexFormat.of().formatHex(h.value()));
		System.out.println(line);
	}

	static GenericRecord order() {
		Schema schema = new Schema.Parser().parse("""
			{"type":"record","name":"Order","namespace":"acme","fields":[
			{"name":"id","type":{"type":"string","logicalType":"uuid"}},
			{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},
			{"name":"day","type":{"type":"int","logicalType":"date"}},
			{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
			{"name":"to","type":["null",{"type":"record","name":"Place","fields":[{"name":"city","type":"string"}]}]},
			{"name":"tags","type":{"type":"map","values":["null","string","long"]}}]}""");
		var to = new GenericData.Record(schema.getField("to").schema().getTypes().get(1));
		to.put("city", "Bern");
		var order = new GenericData.Record(schema);
		order.put("id", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
		order.put("at", 1767323045678901L);
		order.put("day", 20455);
		order.put("price", ByteBuffer.wrap(BigInteger.valueOf(-12345).toByteArray()));
		order.put("to", to);
		order.put("tags", Map.of("k", 7L));
		return order;
	}

	static DynamicMessage event(Path dir) throws Exception {
		var files = new HashMap<String, FileDescriptor>();
		FileDescriptor file = null;
		for (FileDescriptorProto f : FileDescriptorSet.parseFrom(Files.readAllBytes(dir.resolve("event.desc"))).getFileList()) {
			var imports = f.getDependencyList().stream().map(files::get).toArray(FileDescriptor[]::new);
			files.put(f.getName(), file = FileDescriptor.buildFrom(f, imports));
		}
		var value = HexFormat.of().parseHex(Files.readString(dir.resolve("event.hex")).strip());
		return DynamicMessage.parseFrom(file.findMessageTypeByName("Event"), value);
	}
}
